// What an official client for Node does with a server: every step prints what it saw, as one line
// of JSON. Arguments: the client's package, the connection string, the steps.
import { createRequire } from "node:module";
import { join } from "node:path";
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

const [, , name, url, ...wanted] = process.argv;
const lib = createRequire(join(process.cwd(), "package.json"))(name);
const Client = lib.KurrentDBClient ?? lib.EventStoreDBClient;
const expecting = (value) =>
  lib.KurrentDBClient ? { streamState: value } : { expectedRevision: value };
const { jsonEvent, binaryEvent, START, END, NO_STREAM, ANY, FORWARDS, BACKWARDS } = lib;
let client = Client.connectionString(url);
const stream = (kind) => `${kind}-${randomUUID()}`;
const happened = (n) => jsonEvent({ type: "happened", data: { n } });
const numbered = (count) => Array.from({ length: count }, (_, n) => happened(n));
const kindOf = async (work) => {
  try {
    await work();
    return "nothing";
  } catch (error) {
    return error.type ?? error.constructor.name;
  }
};
const collect = async (events) => {
  const all = [];
  for await (const resolved of events) all.push(resolved);
  return all;
};
const within = (promise, ms) =>
  Promise.race([promise, sleep(ms).then(() => Promise.reject(new Error("too late")))]);
const taking = (subscription, count) =>
  new Promise((resolve, reject) => {
    const taken = [];
    subscription.on("error", reject);
    subscription.on("data", (resolved) => {
      taken.push(resolved);
      if (taken.length === count) resolve(taken);
    });
  });

const steps = {
  async append() {
    const s = stream("user");
    const one = await client.appendToStream(s, happened(0), expecting(NO_STREAM));
    const two = await client.appendToStream(s, [happened(1), happened(2)]);
    const conflict = await client
      .appendToStream(s, happened(3), expecting(NO_STREAM))
      .then((r) => r.success, (e) => e.type);
    const events = await collect(client.readStream(s));
    return {
      success: [one.success, two.success],
      revisions: events.map(({ event }) => Number(event.revision)),
      data: events.map(({ event }) => event.data.n),
      next: Number(two.nextExpectedRevision),
      last: String(two.position.commit) === String(events[2].event.position?.commit ?? two.position.commit),
      conflict,
    };
  },
  async binary() {
    const s = stream("bytes");
    const data = Buffer.from([0, 255, 1, 2]);
    await client.appendToStream(s, binaryEvent({ type: "bytes", data, metadata: Buffer.from([9]) }));
    const [{ event }] = await collect(client.readStream(s));
    return { json: event.isJson, data: [...event.data], metadata: [...event.metadata] };
  },
  async read() {
    const s = stream("read");
    await client.appendToStream(s, numbered(10));
    const revisions = async (options) =>
      (await collect(client.readStream(s, options))).map(({ event }) => Number(event.revision));
    const all = await collect(client.readAll({ maxCount: 2 }));
    const missing = await kindOf(() => collect(client.readStream(stream("missing"))));
    return {
      forwards: await revisions({ direction: FORWARDS, fromRevision: 7n }),
      backwards: await revisions({ direction: BACKWARDS, fromRevision: END, maxCount: 2 }),
      first: all[0].event.type,
      missing,
    };
  },
  async remove() {
    const [s, t] = [stream("deleted"), stream("ended")];
    for (const each of [s, t]) await client.appendToStream(each, happened(0));
    await client.deleteStream(s);
    await client.tombstoneStream(t);
    const deleted = await kindOf(() => collect(client.readStream(s)));
    const ended = await kindOf(() => collect(client.readStream(t)));
    const again = await kindOf(() => client.appendToStream(t, happened(1)));
    await client.appendToStream(s, happened(1));
    const [{ event }] = await collect(client.readStream(s));
    return { deleted, ended, again, revision: Number(event.revision) };
  },
  async metadata() {
    const s = stream("limited");
    await client.appendToStream(s, numbered(5));
    await client.setStreamMetadata(s, { maxCount: 2, owner: "ops" });
    const { metadata } = await client.getStreamMetadata(s);
    const events = await collect(client.readStream(s));
    return { metadata, revisions: events.map(({ event }) => Number(event.revision)) };
  },
  async subscribe() {
    const s = stream("followed");
    await client.appendToStream(s, numbered(3));
    const one = client.subscribeToStream(s, { fromRevision: 0n });
    const all = client.subscribeToAll({
      fromPosition: START,
      filter: lib.streamNameFilter({ prefixes: [s] }),
    });
    const taken = [taking(one, 4), taking(all, 5)];
    await sleep(50);
    await client.appendToStream(s, numbered(2));
    const [ofStream, ofAll] = await within(Promise.all(taken), 10_000);
    await one.unsubscribe();
    await all.unsubscribe();
    const revisions = (events) => events.map(({ event }) => Number(event.revision));
    return { stream: revisions(ofStream), all: revisions(ofAll) };
  },
  async hundred() {
    const s = stream("crowd");
    const crowd = Array.from({ length: 100 }, () => client.subscribeToStream(s));
    const taken = crowd.map((each) => taking(each, 20));
    for (let n = 0; n < 20; n++) await client.appendToStream(s, happened(n));
    const all = await within(Promise.all(taken), 20_000);
    await Promise.all(crowd.map((each) => each.unsubscribe()));
    return {
      complete: all.filter((e) => e.every(({ event }, n) => Number(event.revision) === n)).length,
    };
  },
  async large() {
    // Three batches of nearly 3 MiB, which the client cuts into messages of its own.
    const s = stream("large");
    const text = "x".repeat(1024 * 1024);
    const big = (n) => jsonEvent({ type: "big", data: { n, text } });
    for (let n = 0; n < 3; n++) await client.appendToStream(s, [big(0), big(1), big(2)]);
    const events = await collect(client.readStream(s));
    return { events: events.length, whole: events.every(({ event }) => event.data.text === text) };
  },
  async many() {
    const s = stream("many");
    await client.appendToStream(s, numbered(10_000));
    const events = await collect(client.readStream(s));
    const backwards = await collect(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 10_000 }));
    return {
      inOrder: events.every(({ event }, n) => event.data.n === n),
      count: events.length,
      all: backwards.length,
    };
  },
  async persistent() {
    const [s, group] = [stream("work"), "workers"];
    await client.appendToStream(s, numbered(3));
    const settings = lib.persistentSubscriptionToStreamSettingsFromDefaults({ startFrom: START });
    await client.createPersistentSubscriptionToStream(s, group, settings);
    const twice = await kindOf(() =>
      client.createPersistentSubscriptionToStream(s, group, settings),
    );
    const work = client.subscribeToPersistentSubscriptionToStream(s, group);
    const seen = [];
    const done = new Promise((resolve, reject) => {
      work.on("error", reject);
      work.on("data", async (resolved) => {
        seen.push([Number(resolved.event.revision), resolved.retryCount ?? 0]);
        if (seen.length === 2) await work.nack("retry", "once more", resolved);
        else await work.ack(resolved);
        if (seen.length === 4) resolve();
      });
    });
    await within(done, 10_000);
    const info = await client.getPersistentSubscriptionToStreamInfo(s, group);
    await work.unsubscribe();
    await client.deletePersistentSubscriptionToStream(s, group);
    const gone = await kindOf(() => client.deletePersistentSubscriptionToStream(s, group));
    return { seen, group: info.groupName, twice, gone };
  },
  async projections() {
    const p = `projection-${randomUUID()}`;
    await client.createProjection(p, "fromAll().when({})");
    const { name } = await client.getProjectionStatus(p);
    await client.disableProjection(p);
    const { status } = await client.getProjectionStatus(p);
    await client.deleteProjection(p);
    const gone = await kindOf(() => client.getProjectionStatus(p));
    const all = (await collect(await client.listProjections())).map((each) => each.name);
    return { name: name === p, status, gone, system: all.filter((n) => n.startsWith("$")).sort() };
  },
  async links() {
    const category = `cat${randomUUID().replaceAll("-", "")}`;
    for (const each of ["a", "b"]) await client.appendToStream(`${category}-${each}`, numbered(2));
    const plain = await collect(client.readStream(`$ce-${category}`));
    const resolved = await collect(client.readStream(`$ce-${category}`, { resolveLinkTos: true }));
    return {
      links: plain.map(({ event }) => event.type),
      targets: resolved.map(({ event, link }) => [event.streamId.slice(-1), Number(event.revision), link.type]),
    };
  },
  async idle() {
    // Longer than servers tolerate pings that carry nothing.
    const s = stream("idle");
    const subscription = client.subscribeToStream(s);
    const taken = taking(subscription, 1);
    const began = Date.now();
    await Promise.race([taken, sleep(65_000)]);
    await client.appendToStream(s, happened(0));
    const [{ event }] = await within(taken, 5_000);
    await subscription.unsubscribe();
    return { seconds: Math.floor((Date.now() - began) / 1000), revision: Number(event.revision) };
  },
  async restart() {
    // Whoever runs this stops the server when it reads "ready", and starts it again.
    const s = stream("restart");
    await client.appendToStream(s, happened(0));
    const subscription = client.subscribeToStream(s);
    await within(taking(subscription, 1), 5_000);
    const ended = new Promise((resolve) => {
      subscription.on("error", (error) => resolve(error.type ?? error.constructor.name));
      subscription.on("end", () => resolve("end"));
    });
    console.log(JSON.stringify({ step: "ready" }));
    const end = await within(ended, 10_000);
    let revision = -1;
    for (let attempt = 0; attempt < 100 && revision < 0; attempt++) {
      await sleep(100);
      try {
        const { nextExpectedRevision } = await client.appendToStream(s, happened(1));
        revision = Number(nextExpectedRevision);
      } catch {
        continue;
      }
    }
    const again = await within(taking(client.subscribeToStream(s), 2), 10_000);
    return { end, revision, seen: again.map(({ event }) => Number(event.revision)) };
  },
};

for (const step of wanted) {
  let line;
  try {
    line = { step, ...(await steps[step]()) };
  } catch (error) {
    line = { step, error: `${error.type ?? ""} ${error.stack ?? error}` };
  }
  console.log(JSON.stringify(line));
}
process.exit(0);
