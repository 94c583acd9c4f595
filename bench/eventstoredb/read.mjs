// How quickly the official client for Node reads: node read.mjs URL COUNT STREAM|$all
import { createRequire } from "node:module";
import { join } from "node:path";
const { EventStoreDBClient } = createRequire(join(process.cwd(), "package.json"))(
  "@eventstore/db-client",
);
const [, , url, count, stream] = process.argv;
const client = EventStoreDBClient.connectionString(url);
const began = process.hrtime.bigint();
const options = { maxCount: Number(count) };
const events = stream === "$all" ? client.readAll(options) : client.readStream(stream, options);
let seen = 0;
for await (const _ of events) seen++;
console.log(JSON.stringify({ seen, seconds: Number(process.hrtime.bigint() - began) / 1e9 }));
process.exit(0);
