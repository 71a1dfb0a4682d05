/**
 * Replicache as a client of Athena Budget.
 *
 * Replicache wants a server that speaks its protocol: mutations numbered by client, and a view patched from cookie
 * to cookie. The adapter below is that server's part, in the phone: `pusher` sends mutations as changes, `puller`
 * turns the feed into a patch. It keeps nothing across restarts: mutations whose acknowledgement was forgotten are
 * sent again, and Athena Budget knows them.
 *
 * Keys: `request/<id>` is what the server says; `change/<opId>` is what the user did.
 */
import { Replicache } from 'replicache';
import { notice, push, queued, remove, requeue, submit, upsert, uuidv7, view } from '@athena-budget-examples/wire';

const values = async (tx, prefix) => (await tx.scan({ prefix }).values().toArray());
const put = (change) => ({ op: 'put', key: `change/${change.opId}`, value: change });
const del = (opId) => ({ op: 'del', key: `change/${opId}` });
const STORED_MS_MAX = 60_000;
const ok = { httpRequestInfo: { httpStatusCode: 200, errorMessage: '' } };
const unchanged = ({ cookie }) => ({ ...ok, response: { cookie, lastMutationIDChanges: {}, patch: [] } });

const mutators = {
  // The argument carries operation id and stamp. Mutators run again on every new view: what the adapter has put
  // there (a verdict, a new stamp) is newer than the argument.
  async change(tx, change) {
    if (!(await tx.has(`change/${change.opId}`))) await tx.set(`change/${change.opId}`, change);
  },
  async dismiss(tx, opId) { await tx.del(`change/${opId}`); },
};

export class Phone {
  #patch = []; // [order, operation]: what the next pulls say of changes
  #acknowledged = {}; // the last mutation of each client that is settled
  #step = null; // what `sync` wants done now
  #failure = null;

  /** @param {{api: any, clock: any, deviceId: string, name: string}} options */
  static async open({ name, kvStore = 'idb', ...rest }) {
    const phone = Object.assign(new Phone(), rest);
    phone.options = {
      name, kvStore, mutators, logLevel: 'error',
      pushDelay: 0, pullInterval: null, // `sync` says when
      pusher: (body) => phone.#once('push', () => phone.#push(body), ok),
      puller: (body) => phone.#once('pull', () => phone.#pull(body), unchanged(body)),
    };
    phone.rep = new Replicache(phone.options);
    phone.rep.onClientStateNotFound = null;
    await phone.rep.clientGroupID; // it is open
    return phone;
  }

  view(id) {
    return this.rep.query(async (tx) => view(id, await tx.get(`request/${id}`), await values(tx, 'change/')));
  }

  async edit(id, fields) { await this.rep.mutate.change(upsert(this.clock, await this.view(id), fields)); }
  async submit(id) { await this.rep.mutate.change(submit(this.clock, await this.view(id))); }
  async remove(id) { await this.rep.mutate.change(remove(this.clock, await this.view(id))); }
  async draft(fields, id = uuidv7()) { await this.edit(id, fields); return id; }

  async notices() { return (await this.rep.query((tx) => values(tx, 'change/'))).map(notice).filter(Boolean); }
  async dismiss(opId) { await this.rep.mutate.dismiss(opId); }

  async sync() {
    for (const step of ['push', 'pull']) {
      [this.#step, this.#failure] = [step, null];
      await this.rep[step]({ now: true });
      if (this.#failure) throw this.#failure;
    }
  }

  /** Replicache pushes and pulls at its start and after failures too, and tells nobody: here only `sync` does. */
  async #once(step, run, otherwise) {
    if (this.#step !== step) return otherwise;
    this.#step = null;
    return run().catch((error) => {
      this.#failure = error;
      return otherwise;
    });
  }

  async #push({ pushVersion, mutations }) {
    if (pushVersion !== 1) throw new Error('mutations of a Replicache that this application never shipped');
    const stored = new Map((await this.rep.query((tx) => values(tx, 'change/'))).map((known) => [known.opId, known]));
    const made = mutations.filter(({ name }) => name === 'change').map(({ args }) => stored.get(args.opId) ?? args);
    const now = new Map(made.map((change) => [change.opId, change]));
    await push(this, queued(made), (answered) => {
      for (const change of answered) {
        now.set(change.opId, change);
        this.#patch.push([null, put(change)]);
      }
    });
    // Acknowledged is up to a number: a change that has to wait holds back the acknowledgement of what came after
    // it, which is settled all the same; the view says so.
    const stopped = new Set();
    for (const { id, clientID, name, args } of mutations) {
      const change = name === 'change' ? now.get(args.opId) : null;
      if (change?.state === 'queued') stopped.add(clientID);
      if (stopped.has(clientID)) continue;
      this.#acknowledged[clientID] = id;
      if (!change) this.#patch.push([null, del(args)]); // seen by its user
      else if (!notice(change)) this.#patch.push([null, del(change.opId)]); // it is in the request now
    }
    return ok;
  }

  async #pull({ pullVersion, cookie }) {
    if (pullVersion !== 1) throw new Error('a view of a Replicache that this application never shipped');
    const order = (cookie?.order ?? 0) + 1;
    this.#patch = this.#patch.filter(([told]) => told === null || told >= order); // the rest has arrived
    const told = this.#patch.map((entry) => { entry[0] = order; return entry[1]; });
    const lastMutationIDChanges = { ...this.#acknowledged }; // before the feed is read: it has their effects
    const { records, removed, lastSync, whole, restored } = await this.api.pull(cookie?.lastSync);
    if (told.length === 0 && lastSync === cookie?.lastSync) return unchanged({ cookie });
    const local = await this.rep.query((tx) => values(tx, 'request/'));
    const again = restored ? requeue(local, records) : [];
    const served = new Set(records.map(({ id }) => id));
    const gone = whole ? local.map(({ id }) => id).filter((id) => !served.has(id)) : removed;
    for (const change of again) await this.rep.mutate.change(change);
    const patch = [
      ...told,
      ...records.map((record) => ({ op: 'put', key: `request/${record.id}`, value: record })),
      ...gone.map((id) => ({ op: 'del', key: `request/${id}` })),
    ];
    return { ...ok, response: { cookie: { order, lastSync }, lastMutationIDChanges, patch } };
  }

  /** Replicache stores what it has within a second or so, and has no call to wait for that: ask who comes next. */
  async close() {
    const everything = (rep) => rep.query(async (tx) => JSON.stringify(await tx.scan().entries().toArray()));
    const mine = await everything(this.rep);
    const until = Date.now() + STORED_MS_MAX;
    for (let stored = false; !stored;) {
      const next = new Replicache({ ...this.options, pusher: async () => ok, puller: async (body) => unchanged(body) });
      stored = (await everything(next)) === mine;
      await next.close();
      if (!stored && Date.now() > until) throw new Error('Replicache does not store what it has: is the disk full?');
    }
    await this.rep.close();
  }
}
