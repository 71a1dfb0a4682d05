/**
 * RxDB as a client of Athena Budget.
 *
 * Two collections, a replication each: `requests` is what the server says and is only pulled; `changes` is what the
 * user did and is only pushed. What the user sees is the first with the second laid over it (`view`).
 */
import { createRxDatabase } from 'rxdb';
import { replicateRxCollection } from 'rxdb/plugins/replication';
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie';
import { notice, push, queued, remove, requeue, submit, upsert, uuidv7, view } from '@athena-budget-examples/wire';

const any = {}; // of any type
const schema = (primaryKey, ...properties) => ({
  version: 0,
  primaryKey,
  type: 'object',
  properties: {
    ...Object.fromEntries(properties.map((name) => [name, any])),
    [primaryKey]: { type: 'string', maxLength: 36 },
  },
});
const collections = {
  // The whole record lies in one property: what the server adds to it one day needs no migration.
  requests: { schema: schema('id', 'record') },
  changes: {
    schema: schema('opId', 'hlc', 'type', 'requestId', 'fields', 'seen', 'state', 'tries', 'code', 'detail',
      'superseded', 'now', 'round'),
  },
};

export class Phone {
  /** @param {{api: any, clock: any, deviceId: string, name: string}} options */
  static async open({ name, ...rest }) {
    const db = await createRxDatabase({ name, storage: getRxStorageDexie(), multiInstance: false });
    return Object.assign(new Phone(), rest, { db, ...(await db.addCollections(collections)) });
  }

  async #changes() { return (await this.changes.find().exec()).map((doc) => doc.toMutableJSON()); }

  async view(id) {
    const doc = await this.requests.findOne(id).exec();
    return view(id, doc?.toMutableJSON().record, await this.#changes());
  }

  // Stamps and operation id are made here and inserted with the change: whatever happens, it is pushed as it is.
  async edit(id, values) { await this.changes.insert(upsert(this.clock, await this.view(id), values)); }
  async submit(id) { await this.changes.insert(submit(this.clock, await this.view(id))); }
  async remove(id) { await this.changes.insert(remove(this.clock, await this.view(id))); }
  async draft(values, id = uuidv7()) { await this.edit(id, values); return id; }

  async notices() { return (await this.#changes()).map(notice).filter(Boolean); }
  async dismiss(opId) { await this.changes.bulkRemove([opId]); }

  async sync() {
    // RxDB takes a document for replicated once its handler has returned. What is still queued is written again,
    // which makes it new.
    const round = uuidv7();
    for (const { opId } of queued(await this.#changes())) {
      await this.changes.findOne(opId).incrementalPatch({ round });
    }
    let pushed; // once a sync: RxDB calls its handler with several batches at a time, but one may be on its way
    await this.#replicate('changes', (failed) => ({
      push: {
        handler: async () => {
          await (pushed ??= this.#push().catch(failed));
          return []; // no conflicts: a verdict is the server's last word on a change
        },
      },
    }));
    await this.#replicate('requests', (failed) => ({
      pull: {
        batchSize: 2 ** 31, // `#pull` comes with all there is
        handler: (place) => this.#pull(place).catch((error) => failed(error) ?? { documents: [], checkpoint: place }),
      },
    }));
    const done = (await this.#changes()).filter(({ state, superseded }) => state === 'done' && !superseded.length);
    await this.changes.bulkRemove(done.map(({ opId }) => opId));
  }

  /** Runs a replication once, and throws what failed: RxDB itself would go on trying, tell nobody and not let go. */
  async #replicate(name, ways) {
    let failure = null;
    const replication = replicateRxCollection({
      collection: this[name], replicationIdentifier: `athena-${name}`, live: false, waitForLeadership: false,
      ...ways((error) => { failure = error; }),
    });
    await replication.awaitInitialReplication();
    await replication.cancel();
    if (failure) throw failure;
  }

  async #push() {
    await push(this, queued(await this.#changes()), async (answered) => {
      for (const change of answered) await this.changes.incrementalUpsert(change);
    });
  }

  async #pull(place) {
    const { records, removed, lastSync, whole, restored } = await this.api.pull(place?.lastSync);
    const local = (await this.requests.find().exec()).map((doc) => doc.toMutableJSON().record);
    if (restored) await this.changes.bulkInsert(requeue(local, records));
    const served = new Set(records.map(({ id }) => id));
    const gone = whole ? local.map(({ id }) => id).filter((id) => !served.has(id)) : removed;
    return {
      documents: [
        ...records.map((record) => ({ id: record.id, record, _deleted: false })),
        ...gone.map((id) => ({ id, record: null, _deleted: true })),
      ],
      checkpoint: { lastSync },
    };
  }

  async close() { await this.db.close(); }
}
