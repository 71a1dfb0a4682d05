/**
 * WatermelonDB as a client of Athena Budget.
 *
 * Two tables: `requests` is what the server says and is only pulled; `changes` is what the user did and is only
 * pushed. What the user sees is the first with the second laid over it (`view`). `synchronize()` pulls, then pushes.
 */
import watermelon from '@nozbe/watermelondb';
import lokijs from '@nozbe/watermelondb/adapters/lokijs/index.js';
import sync from '@nozbe/watermelondb/sync/index.js';
import { notice, push, queued, remove, requeue, submit, upsert, uuidv7, view } from '@athena-budget-examples/wire';

const { Database, Model, appSchema, tableSchema } = watermelon;

// Both tables hold their object as JSON; columns to search or sort by are added as an application needs them.
const object = { name: 'json', type: 'string' };
const schema = appSchema({
  version: 1,
  tables: [tableSchema({ name: 'requests', columns: [object] }), tableSchema({ name: 'changes', columns: [object] })],
});

class Stored extends Model {
  get value() { return JSON.parse(this._getRaw('json')); }
  set value(value) { this._setRaw('json', JSON.stringify(value)); }
}
class Request extends Stored { static table = 'requests'; }
class Change extends Stored { static table = 'changes'; }

const row = (record) => ({ id: record.id, json: JSON.stringify(record) });
// `lastSync` has microseconds, WatermelonDB keeps a number: microseconds since 1970 are exact until 2255.
const toNumber = (time) => Date.parse(`${time.slice(0, 19)}Z`) * 1000 + Number(time.slice(20, 26));
const toTime = (us) => `${new Date(us / 1000).toISOString().slice(0, 19)}.${String(us % 1e6).padStart(6, '0')}Z`;

export class Phone {
  /** @param {{api: any, clock: any, deviceId: string, name: string}} options */
  static async open({ name, ...rest }) {
    const adapter = new lokijs.default({
      schema, dbName: name, useWebWorker: false, useIncrementalIndexedDB: true, // on a phone: SQLiteAdapter
    });
    return Object.assign(new Phone(), rest, {
      adapter, db: new Database({ adapter, modelClasses: [Request, Change] }),
    });
  }

  #all(table) { return this.db.get(table).query().fetch(); }
  async #changes() { return (await this.#all('changes')).map(({ value }) => value); }

  async view(id) {
    const record = (await this.#all('requests')).find((request) => request.id === id)?.value;
    return view(id, record, await this.#changes());
  }

  async edit(id, values) { await this.#did(upsert(this.clock, await this.view(id), values)); }
  async submit(id) { await this.#did(submit(this.clock, await this.view(id))); }
  async remove(id) { await this.#did(remove(this.clock, await this.view(id))); }
  async draft(values, id = uuidv7()) { await this.edit(id, values); return id; }

  // A created row is dirty, and WatermelonDB remembers that: stamps and operation id lie in it from the start.
  #did(...changes) {
    return this.db.write(() => this.db.batch(changes.map((change) => this.db.get('changes').prepareCreate((made) => {
      made._raw.id = change.opId;
      made.value = change;
    }))));
  }

  async notices() { return (await this.#changes()).map(notice).filter(Boolean); }
  async dismiss(opId) { await this.#forget(({ value }) => value.opId === opId); }

  async #forget(which) {
    const rows = (await this.#all('changes')).filter(which);
    await this.db.write(() => this.db.batch(rows.map((change) => change.prepareDestroyPermanently())));
  }

  async sync() {
    const run = (pushChanges) => sync.synchronize({
      database: this.db,
      sendCreatedAsUpdated: true,
      pullChanges: ({ lastPulledAt }) => this.#pull(lastPulledAt),
      pushChanges,
    });
    await run((local) => this.#push(local)); // pulls first, so what is pushed is not seen yet …
    await run((local) => this.#push(local)); // … and comes with the second pull
    await this.#forget(({ value }) => value.state === 'done' && value.superseded.length === 0);
  }

  async #pull(lastPulledAt) {
    const { records, removed, lastSync, whole, restored } = await this.api.pull(lastPulledAt && toTime(lastPulledAt));
    const local = (await this.#all('requests')).map(({ value }) => value);
    if (restored) await this.#did(...requeue(local, records));
    const served = new Set(records.map(({ id }) => id));
    const gone = whole ? local.map(({ id }) => id).filter((id) => !served.has(id)) : removed;
    const none = { created: [], updated: [], deleted: [] };
    return {
      changes: { requests: { created: [], updated: records.map(row), deleted: gone }, changes: none },
      timestamp: toNumber(lastSync),
    };
  }

  async #push({ changes: { changes: { created, updated } } }) {
    const queue = queued([...created, ...updated].map(({ json }) => JSON.parse(json)));
    await push(this, queue, (answered) => this.db.write(async () => {
      const rows = new Map((await this.#all('changes')).map((change) => [change.id, change]));
      const updates = answered.map((change) => rows.get(change.opId).prepareUpdate((row) => { row.value = change; }));
      await this.db.batch(updates);
    }));
    // What is to go again stays dirty.
    const waiting = queued(await this.#changes()).map(({ opId }) => opId);
    return { experimentalRejectedIds: { changes: waiting } };
  }

  async close() {
    const { loki } = this.adapter._driver; // LokiJS writes twice a second; when it closes, it must be written
    await new Promise((resolve, reject) => loki.close((error) => (error ? reject(error) : resolve())));
  }
}
