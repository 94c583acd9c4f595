// The user service of a team that writes TypeScript: POST /users stores an event, a subscription
// keeps the read model, GET /users/NAME answers from it. It knows EventStoreDB alone.
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { randomUUID } from "node:crypto";
import {
  EventStoreDBClient,
  FORWARDS,
  START,
  WrongExpectedVersionError,
  excludeSystemEvents,
  jsonEvent,
} from "@eventstore/db-client";

type UserCreated = {
  type: "user-created";
  data: { username: string; fullName: string; openedAt: string };
};
type Row = { id: string; username: string; fullName: string; createdAt: string };

const client = EventStoreDBClient.connectionString(
  process.env.ESDB_CONNECTION_STRING ??
    "esdb://localhost:2113?tls=false&throwOnAppendFailure=false",
);
const users = new Map<string, Row>();

const subscription = client.subscribeToAll({
  fromPosition: START,
  filter: excludeSystemEvents(),
});
subscription.on("data", ({ event }) => {
  if (event?.type !== "user-created") return;
  const { username, fullName, openedAt } = event.data as UserCreated["data"];
  users.set(username, { id: event.id, username, fullName, createdAt: openedAt });
});
subscription.on("error", (error: Error) => {
  console.error("the subscription ended:", error.message);
  process.exit(2);
});

async function create(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { username, fullName } = JSON.parse(body) as UserCreated["data"];
  const event = jsonEvent<UserCreated>({
    id: randomUUID(),
    type: "user-created",
    data: { username, fullName, openedAt: new Date().toISOString() },
  });
  const { success } = await client.appendToStream<UserCreated>(`user-${username}`, event, {
    expectedRevision: "no_stream",
  });
  response.writeHead(success ? 201 : 409).end();
}

async function history(username: string, response: ServerResponse): Promise<void> {
  const types: string[] = [];
  const events = client.readStream<UserCreated>(`user-${username}`, {
    direction: FORWARDS,
    fromRevision: START,
    maxCount: 100,
  });
  for await (const { event } of events) if (event) types.push(event.type);
  response.end(JSON.stringify(types));
}

const server = createServer((request, response) => {
  const [, , username, what] = (request.url ?? "").split("/");
  const failed = (error: unknown) => {
    const conflict = error instanceof WrongExpectedVersionError;
    response.writeHead(conflict ? 409 : 500).end(String(error));
  };
  if (request.method === "POST") create(request, response).catch(failed);
  else if (what === "history") history(username, response).catch(failed);
  else if (users.has(username)) response.end(JSON.stringify(users.get(username)));
  else response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (address && typeof address === "object") console.log(`listening ${address.port}`);
});
