/**
 * What every example must be able to do, whatever its database: one suite, run against a real server. The
 * databases are the real ones too, in IndexedDB as in a browser.
 */
import 'fake-indexeddb/auto';
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, it } from 'node:test';
import { Api, Clock, uuidv7 } from '@athena-budget-examples/wire';
import { Network } from './network.js';
import { Server } from './server.js';

const PASSWORD = 'athena-demo';
const SALES = 'sales1@demo.athena';
/** Nobody else's: its feed does not move while a backup is restored, whatever else the server is busy with. */
const QUIET_SALES = 'sales5@demo.athena';
/** Nothing is measured here: a busy machine may take as long as it takes. */
const SUITE_MS_MAX = 900_000;
const NEWS_MS_MAX = 60_000;
const EUR = (minor) => ({ minor, currency: 'EUR' });

/**
 * @param {string} name of the database
 * @param {{open(options: {api: Api, clock: Clock, deviceId: string, name: string}): Promise<any>}} Phone
 */
export function suite(name, Phone) {
  describe(name, { timeout: SUITE_MS_MAX }, () => {
    /** @type {Server} */
    let server;
    let complete;
    const phones = new Set();

    before(async () => {
      server = await Server.start();
      const api = await phoneless();
      const named = async (path, key, value) =>
        (await api.call('GET', path)).items.find((item) => item[key] === value).id;
      complete = {
        title: 'Booth',
        amount: EUR(125_000),
        categoryId: await named('/categories', 'name', 'Campaigns'),
        reasonId: await named('/reasons', 'text', 'Other'),
        justification: 'Two days in Lyon.',
      };
    });
    afterEach(async () => {
      await Promise.all([...phones].map((phone) => phone.close()));
      phones.clear();
    });
    after(() => server?.stop());

    /** A phone of its own, or the one of these `options` again. */
    async function open(options) {
      const phone = await Phone.open(options);
      phones.add(phone);
      return phone;
    }
    async function phone(wall, email = SALES) {
      const network = new Network();
      const api = await Api.signIn(server.url, email, PASSWORD, network.fetch);
      const options = { api, clock: new Clock(wall), deviceId: uuidv7(), name: `phone-${uuidv7()}` };
      return { network, options, phone: await open(options) };
    }
    /** Ends the application and starts it again, on what it had stored. */
    async function restart(running, options) {
      await running.close();
      phones.delete(running);
      return open({ ...options, clock: new Clock() });
    }
    const look = async (id, email) => (await phoneless(email)).call('GET', `/requests/${id}`);
    const story = async (id) => (await (await phoneless()).call('GET', `/requests/${id}/status`)).items;
    const phoneless = (email = SALES) => Api.signIn(server.url, email, PASSWORD);
    const shown = ({ title, amount, region, justification, status }) =>
      ({ title, amount, region, justification, status });

    /** Two phones of one person that both have a draft; what b does is later than what a does, by five seconds. */
    async function pair(email = SALES) {
      const [a, b] = [await phone(Date.now, email), await phone(() => Date.now() + 5_000, email)];
      const id = await a.phone.draft(complete);
      await a.phone.sync();
      await b.phone.sync();
      assert.equal((await b.phone.view(id)).title, 'Booth');
      return { a, b, id };
    }

    it('two phones edit offline and meet: one request, and who lost is told', async () => {
      const { a, b, id } = await pair();
      await a.phone.edit(id, { title: 'Stand', region: 'EMEA' });
      await b.phone.edit(id, { title: 'Booth at the fair', amount: EUR(140_000) });
      assert.equal((await a.phone.view(id)).title, 'Stand', 'a phone shows at once what its user did');
      assert.deepEqual((await a.phone.view(id)).waiting, ['upsert']);

      await b.phone.sync();
      await a.phone.sync(); // made earlier, arrives later
      await b.phone.sync();

      const [one, two] = [await a.phone.view(id), await b.phone.view(id)];
      assert.deepEqual(shown(one), {
        title: 'Booth at the fair',
        amount: EUR(140_000),
        region: 'EMEA',
        justification: 'Two days in Lyon.',
        status: 'draft',
      });
      assert.deepEqual(one, two);
      assert.deepEqual(shown(await look(id)), shown(one));
      assert.deepEqual(one.waiting, []);

      const [first, ...later] = a.network.pulls;
      assert.equal(first, null);
      assert.ok(later.length > 0 && later.every(Boolean), 'after the first pull only what is new is asked for');

      const [told, ...others] = await a.phone.notices();
      assert.equal(others.length, 0);
      assert.equal(told.kind, 'superseded');
      assert.deepEqual(told.yours, { title: 'Stand' });
      assert.deepEqual(told.now, { title: 'Booth at the fair' });
      assert.deepEqual(await b.phone.notices(), []);
    });

    it('texts are merged, and one may type on before the answer is there', async () => {
      const { a, b, id } = await pair();
      await a.phone.edit(id, { justification: 'Three days in Lyon.' });
      await b.phone.edit(id, { justification: 'Two days in Lyon, with a demo.' });
      await b.phone.edit(id, { justification: 'Two days in Lyon, with a demo and a dinner.' });
      await a.phone.sync();
      await b.phone.sync();
      await a.phone.sync();
      const merged = 'Three days in Lyon, with a demo and a dinner.';
      assert.equal((await a.phone.view(id)).justification, merged);
      assert.equal((await b.phone.view(id)).justification, merged);
      assert.deepEqual([...(await a.phone.notices()), ...(await b.phone.notices())], []);
    });

    it('what was submitted is sealed: a late edit is refused, its user sees why, and still does after a restart', async () => {
      const { a, b, id } = await pair();
      await b.phone.edit(id, { amount: EUR(990_000) }); // before the submit, on a phone that is offline
      await a.phone.submit(id);
      await a.phone.sync();
      assert.equal((await a.phone.view(id)).status, 'pending_l1');

      await b.phone.sync();
      const check = async (running) => {
        const [refusal, ...others] = await running.notices();
        assert.equal(others.length, 0);
        assert.equal(refusal.kind, 'refused');
        assert.equal(refusal.code, 'locked');
        assert.ok(refusal.detail);
        assert.deepEqual(refusal.yours, { amount: EUR(990_000) });
        assert.deepEqual(refusal.now.amount, EUR(125_000));
        const now = await running.view(id);
        assert.deepEqual(shown(now), shown(await look(id)));
        assert.deepEqual([now.status, now.amount, now.waiting], ['pending_l1', EUR(125_000), []]);
        return refusal;
      };
      await check(b.phone);
      let again = await restart(b.phone, b.options);
      await again.sync();
      const refusal = await check(again);
      assert.equal(b.network.batches.flat().length, 1, 'a refusal for good is not sent again');

      await again.dismiss(refusal.opId);
      await again.sync();
      again = await restart(again, b.options);
      assert.deepEqual(await again.notices(), []);
    });

    it('a submit seals what its user saw, or nothing', async () => {
      const { a, b, id } = await pair();
      await a.phone.submit(id);
      await b.phone.edit(id, { amount: EUR(140_000) });
      await b.phone.sync();
      await a.phone.sync();
      assert.equal((await a.phone.notices())[0].code, 'content_changed');
      assert.equal((await a.phone.view(id)).status, 'draft');
      await a.phone.submit(id);
      await a.phone.sync();
      assert.equal((await look(id)).status, 'pending_l1');
      assert.equal((await look(id)).amount.minor, 140_000);
    });

    it('a lost answer has one effect, though all is sent again', async () => {
      const { a, id } = await pair();
      const before = (await story(id)).length;
      await a.phone.edit(id, { title: 'Booth, larger' });
      await a.phone.submit(id);
      a.network.loseAnswers(1);
      a.network.batches.length = 0;
      await assert.rejects(a.phone.sync(), 'the phone knows that it does not know');
      assert.deepEqual((await a.phone.view(id)).waiting, ['upsert', 'submit']);
      const taken = await look(id);
      assert.equal(taken.status, 'pending_l1', 'the server has it');

      await a.phone.sync();
      assert.equal(a.network.batches.length, 2);
      assert.deepEqual(a.network.batches[1], a.network.batches[0], 'sent again as it was');
      assert.deepEqual(await look(id), taken);
      const events = (await story(id)).slice(before).map(({ event }) => event);
      assert.equal(events.filter((event) => event === 'submitted').length, 1, events.join());
      assert.ok(!events.includes('refused'), events.join());
      assert.deepEqual(await a.phone.notices(), []);
      assert.deepEqual((await a.phone.view(id)).waiting, []);
    });

    it('what is queued survives the end of the application, as it was made', async () => {
      const { network, options, phone: first } = await phone();
      const id = await first.draft(complete);
      await first.edit(id, { title: 'Booth, again' });
      network.loseAnswers(1);
      await assert.rejects(first.sync());

      const second = await restart(first, options);
      assert.equal((await second.view(id)).title, 'Booth, again');
      await second.sync();
      assert.equal(network.batches.length, 2);
      assert.deepEqual(network.batches[1], network.batches[0], 'same operation ids, same stamps');
      const stamps = new Set(network.batches[0].map(({ hlc }) => hlc));
      assert.equal(stamps.size, 2);
      for (const hlc of Object.values((await look(id)).stamps)) assert.ok(stamps.has(hlc));
      assert.deepEqual((await second.view(id)).waiting, []);
    });

    it('a clock that is far ahead is corrected, and nothing is lost', async () => {
      const { network, phone: ahead } = await phone(() => Date.now() + 3_600_000);
      const id = await ahead.draft({ ...complete, title: 'From the future' });
      await ahead.edit(id, { justification: 'Three days in Lyon.' });
      await ahead.submit(id);
      await ahead.sync();
      const record = await look(id);
      assert.deepEqual([record.title, record.status], ['From the future', 'pending_l1']);
      assert.equal(record.justification, 'Three days in Lyon.');
      assert.ok(Date.parse(record.stamps.title.slice(0, 24)) < Date.now() + 60_000);
      assert.deepEqual(await ahead.notices(), []);
      assert.deepEqual((await ahead.view(id)).waiting, []);
      assert.equal(network.batches.length, 2);
      const [before, after] = network.batches.map((items) => items.map(({ opId }) => opId));
      assert.deepEqual(after, before, 'stamped anew under the same operation ids');
    });

    it('what must wait holds up nothing else, and goes when it can', async () => {
      const { options, phone: first } = await phone();
      const categoryId = uuidv7();
      const waiting = await first.draft({ ...complete, categoryId });
      await first.submit(waiting);
      const other = await first.draft({ ...complete, title: 'Behind it' });
      await first.sync();
      assert.deepEqual((await first.view(waiting)).waiting, ['submit']);
      assert.equal((await look(other)).title, 'Behind it');
      assert.deepEqual((await first.view(other)).waiting, []);
      assert.deepEqual(await first.notices(), [], 'to wait is no refusal');

      const second = await restart(first, options);
      await knows(categoryId);
      await second.sync();
      assert.deepEqual((await second.view(waiting)).waiting, []);
      assert.equal((await second.view(waiting)).status, 'pending_l1');
    });

    /** Makes a category of this id, with an approver, and waits until a submit would find it. */
    async function knows(id) {
      const admin = await Api.signIn(server.url, 'admin@demo.athena', PASSWORD);
      const { items } = await admin.call('GET', '/assignments');
      await admin.call('POST', '/categories', { id, name: `New ${id}`, levels: 1 });
      const { approverIds } = items.find(({ level }) => level === 1);
      await admin.call('POST', '/assignments', { categoryId: id, level: 1, approverIds, quorum: 1 });
      const probe = await phone();
      const request = await probe.phone.draft({ ...complete, categoryId: id });
      await probe.phone.submit(request);
      const until = Date.now() + NEWS_MS_MAX;
      while ((await probe.phone.view(request)).status === 'draft') {
        assert.ok(Date.now() < until, 'the request service has not heard of the category');
        await probe.phone.sync();
      }
    }

    it('what one phone deletes is gone from the other', async () => {
      const { a, b, id } = await pair();
      await a.phone.remove(id);
      assert.equal((await a.phone.view(id)).deleted, true);
      await a.phone.sync();
      await b.phone.sync();
      for (const { phone: one } of [a, b]) assert.deepEqual((await one.view(id)).stamps, {}, 'nothing is stored');
      await b.phone.edit(id, { title: 'Too late' });
      await b.phone.sync();
      assert.equal((await b.phone.notices())[0].code, 'deleted');
    });

    it('what the server lost to a restored backup comes from the phones', async () => {
      const { a, b, id } = await pair(QUIET_SALES);
      const restore = await server.backup();
      await a.phone.edit(id, { title: 'After the backup' });
      const lost = await a.phone.draft({ ...complete, title: 'Only after the backup' });
      await a.phone.sync();
      await b.phone.sync();
      await restore();
      assert.equal((await look(id, QUIET_SALES)).title, 'Booth');
      await assert.rejects(look(lost, QUIET_SALES));

      for (const { phone: one } of [a, b, a, b]) await one.sync();
      assert.equal((await look(id, QUIET_SALES)).title, 'After the backup');
      assert.equal((await look(lost, QUIET_SALES)).title, 'Only after the backup');
      for (const { phone: one } of [a, b]) {
        assert.deepEqual(shown(await one.view(id)), shown(await look(id, QUIET_SALES)));
        assert.deepEqual(shown(await one.view(lost)), shown(await look(lost, QUIET_SALES)));
        assert.deepEqual(await one.notices(), []);
      }
    });
  });
}
