/**
 * SignalDB as a client of Athena Budget.
 *
 * Two collections under one SyncManager: `requests` is what the server says and is only pulled; `changes` is what
 * the user did and is only pushed. What the user sees is the first with the second laid over it (`view`).
 */
import { Collection } from '@signaldb/core';
import createIndexedDBAdapter from '@signaldb/indexeddb';
import { SyncManager } from '@signaldb/sync';
import { notice, push, queued, remove, requeue, submit, upsert, uuidv7, view } from '@athena-budget-examples/wire';

/** SignalDB writes behind: resolves when what was done so far is on the disk. */
async function stored(collection) {
  while (collection.isPushing()) await new Promise((done) => collection.once('persistence.pushCompleted', done));
}

export class Phone {
  #answers = new Map(); // verdicts of this sync, until the SyncManager takes them in
  #pulled = null; // the place in the feed that this sync came to

  /** @param {{api: any, clock: any, deviceId: string, name: string}} options */
  static async open({ name, ...rest }) {
    const persist = (part) => createIndexedDBAdapter(`${name}-${part}`);
    const phone = Object.assign(new Phone(), rest);
    for (const part of ['requests', 'changes', 'places']) {
      phone[part] = new Collection({ name: `${name}-${part}`, persistence: persist(part) });
      await phone[part].isReady();
    }
    phone.manager = new SyncManager({
      id: name,
      persistenceAdapter: persist,
      autostart: false, // `sync` says when
      pull: ({ name: collection }) => (collection === 'changes' ? phone.#settled() : phone.#pull()),
      push: () => phone.#push(),
    });
    for (const part of ['changes', 'requests']) phone.manager.addCollection(phone[part], { name: part });
    await phone.manager.isReady();
    return phone;
  }

  #changes() { return this.changes.find({}, { reactive: false }).fetch(); }

  async view(id) { return view(id, this.requests.findOne({ id }, { reactive: false }), this.#changes()); }

  async edit(id, values) { await this.#did(upsert(this.clock, await this.view(id), values)); }
  async submit(id) { await this.#did(submit(this.clock, await this.view(id))); }
  async remove(id) { await this.#did(remove(this.clock, await this.view(id))); }
  async draft(values, id = uuidv7()) { await this.edit(id, values); return id; }

  // Stamps and operation id are made already and stored with the change before the user goes on.
  async #did(...changes) {
    for (const change of changes) this.changes.insert({ id: change.opId, ...change });
    await stored(this.changes);
  }

  async notices() { return this.#changes().map(notice).filter(Boolean); }
  async dismiss(opId) {
    this.changes.removeOne({ id: opId });
    await stored(this.changes);
  }

  async sync() {
    this.#answers.clear();
    // The SyncManager pushes what it saw change, once. What is still queued changes again, and so is seen.
    const round = uuidv7();
    for (const { opId } of queued(this.#changes())) this.changes.updateOne({ id: opId }, { $set: { round } });
    await this.manager.sync('changes');
    await stored(this.changes);

    await this.manager.sync('requests');
    await stored(this.requests); // first what was pulled, then how far: the other way round a crash would lose it
    this.places.replaceOne({ id: 'requests' }, { id: 'requests', lastSync: this.#pulled }, { upsert: true });
    await stored(this.places);
    this.changes.removeMany({ state: 'done', superseded: { $size: 0 } });
    await stored(this.changes);
  }

  async #push() {
    await push(this, queued(this.#changes()), (answered) => {
      for (const change of answered) this.#answers.set(change.opId, change);
    });
  }

  /** What "the server" has of `changes`: before the push all but the queue, after it all, with the verdicts. */
  async #settled() {
    const changes = this.#changes();
    if (this.#answers.size === 0) return { items: changes.filter(({ state }) => state !== 'queued') };
    return { items: changes.map((change) => ({ ...change, ...this.#answers.get(change.opId) })) };
  }

  async #pull() {
    const place = this.places.findOne({ id: 'requests' }, { reactive: false })?.lastSync;
    const { records, removed, lastSync, whole, restored } = await this.api.pull(place);
    const local = this.requests.find({}, { reactive: false }).fetch();
    if (restored) await this.#did(...requeue(local, records));
    this.#pulled = lastSync;
    if (whole) return { items: records };
    const items = new Map([...local, ...records].map((record) => [record.id, record]));
    for (const id of removed) items.delete(id);
    return { items: [...items.values()] };
  }

  async close() {
    // What is disposed of while it is being written throws where nobody can catch it.
    const { changes, snapshots, syncOperations } = this.manager;
    for (const collection of [changes, snapshots, syncOperations]) await stored(collection);
    await this.manager.dispose();
    for (const collection of [this.requests, this.changes, this.places]) await collection.dispose();
  }
}
