/** What the examples share, where no database is needed to show it. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Network } from '../testing/network.js';
import { Server } from '../testing/server.js';
import { Api, Clock, push, submit, uuidv7, upsert, view } from './index.js';

describe('stamps', () => {
  const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z-[0-9a-f]{4}-[0-9a-f]{16}$/;

  it('have the form of the contract and only ever grow, whatever the device says the time is', () => {
    const times = [1_000, 1_000, 5, 2_000];
    const clock = new Clock(() => times.shift());
    const made = [clock.tick(), clock.tick(), clock.tick(), clock.tick()];
    for (const one of made) assert.match(one, stamp);
    assert.deepEqual(made.toSorted(), made);
    assert.equal(new Set(made).size, 4);
  });

  it('borrow the next millisecond when the counter is full', () => {
    const clock = new Clock(() => 1_000);
    clock.observe('1970-01-01T00:00:01.000Z-ffff-0000000000000000');
    assert.match(clock.tick(), /^1970-01-01T00:00:01\.001Z-0000-/);
  });

  it('exceed all that the user saw', () => {
    const seen = '2099-01-01T00:00:00.000Z-0007-ffffffffffffffff';
    const shown = { ...view(uuidv7(), null, []), stamps: { title: seen } };
    assert.ok(upsert(new Clock(), shown, { title: 'Mine' }).hlc > seen);
  });
});

describe('the wire', { timeout: 60_000 }, () => {
  let server;
  before(async () => {
    server = await Server.start();
  });
  after(() => server?.stop());
  const signIn = (network) => Api.signIn(server.url, 'sales2@demo.athena', 'athena-demo', network.fetch);

  it('takes a queue of more than one batch, every change with its verdict', async () => {
    const network = new Network();
    const [api, clock] = [await signIn(network), new Clock()];
    const queue = Array.from({ length: 501 }, (_, n) => upsert(clock, view(uuidv7(), null, []), { title: `Draft ${n}` }));
    const settled = [];
    await push({ api, clock, deviceId: uuidv7() }, queue, (changes) => void settled.push(...changes));
    assert.deepEqual(network.batches.map((items) => items.length), [500, 1]);
    assert.deepEqual(settled.map(({ opId, state }) => [opId, state]), queue.map(({ opId }) => [opId, 'done']));
    const drafts = (await api.pull(null)).records.filter(({ title }) => title?.startsWith('Draft '));
    assert.equal(drafts.length, 501, 'pages are put together');
  });

  it('splits a queue by size too', async () => {
    const network = new Network();
    const [api, clock] = [await signIn(network), new Clock()];
    const text = 'Ω'.repeat(10_000); // the longest text there is, two bytes a character
    const queue = Array.from({ length: 60 }, () => upsert(clock, view(uuidv7(), null, []), { justification: text }));
    const states = new Set();
    await push({ api, clock, deviceId: uuidv7() }, queue, (changes) => changes.forEach(({ state }) => states.add(state)));
    assert.equal(network.batches.length, 2);
    assert.deepEqual([...states], ['done']);
  });

  it('submits a request whose text was cleared, whether or not the server has told of it', async () => {
    const [api, clock] = [await signIn(new Network()), new Clock()];
    const pick = async (path) => (await api.call('GET', path)).items;
    const [{ id: categoryId }] = await pick('/categories');
    const { id: reasonId } = (await pick('/reasons')).find((reason) => reason.categoryId === null);
    const complete = { title: 'Booth', amount: { minor: 1, currency: 'EUR' }, categoryId, reasonId };
    for (const told of [false, true]) {
      const id = uuidv7();
      const made = [];
      let record = null;
      const send = async (change) => {
        made.push(change);
        if (!told && change.type !== 'submit') return;
        const queue = made.splice(0);
        await push({ api, clock, deviceId: uuidv7() }, queue, (changes) =>
          changes.forEach(({ state, code }) => assert.equal(state, 'done', code)));
        record = await api.call('GET', `/requests/${id}`);
      };
      await send(upsert(clock, view(id, record, made), { ...complete, justification: 'Two days.' }));
      await send(upsert(clock, view(id, record, made), { justification: null }));
      await send(submit(clock, view(id, record, made)));
      assert.deepEqual([record.status, record.justification], ['pending_l1', null]);
    }
  });

  it('goes on with renewed tokens, which two calls at once may both need', async () => {
    const api = await signIn(new Network());
    const before = api.session;
    const [one, two] = await Promise.all([api.refresh(), api.refresh()]);
    assert.equal(one, two);
    assert.notEqual(api.session.refreshToken, before.refreshToken);
    assert.equal((await api.call('GET', '/users/me')).email, 'sales2@demo.athena');
  });

  it('throws what is refused as a whole, with its code', async () => {
    const api = await signIn(new Network());
    const other = await Api.signIn(server.url, 'sales3@demo.athena', 'athena-demo');
    const mixed = new Api(server.url, { ...other.session, user: api.session.user });
    const problem = { status: 409, code: 'wrong_user' };
    await assert.rejects(mixed.sync({ deviceId: uuidv7(), clientTime: new Date().toISOString(), changes: [] }), problem);
  });
});
