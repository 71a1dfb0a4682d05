import { restamp } from './changes.js';

const ITEMS_MAX = 500;
const BODY_BYTES_MAX = 1_000_000; // the server takes 1 MiB; the rest is for the envelope

/** @typedef {import('./changes.js').Change} Change */

/**
 * Sends the queue, batch after batch, and has every verdict stored before the next batch goes. If it throws, what
 * has not been answered is still queued, and goes again as it is. Never have two running at once.
 *
 * @param {object} phone
 * @param {import('./api.js').Api} phone.api
 * @param {import('./clock.js').Clock} phone.clock
 * @param {string} phone.deviceId
 * @param {Change[]} queue all that is queued, in order
 * @param {(changes: Change[]) => Promise<void>|void} store takes changes as they are now, each under its `opId`
 */
export async function push({ api, clock, deviceId }, queue, store) {
  let left = queue;
  let restarted = false;
  while (left.length > 0) {
    const sent = batch(left);
    left = left.slice(sent.length);
    const clientTime = new Date(clock.wall()).toISOString();
    const answer = await api.sync({ deviceId, clientTime, changes: sent.map(item) });
    const settled = answer.results.map((result, place) => settle(sent[place], result));
    const waiting = settled.filter(({ state }) => state === 'queued');
    if (!restarted && waiting.some(({ code }) => code === 'clock_ahead')) {
      restarted = true; // once: a clock that is still ahead after that waits for the next time
      clock.restart(answer);
      left = restamp(clock, [...waiting, ...left]);
      await store([...settled.filter(({ state }) => state !== 'queued'), ...left]);
      continue;
    }
    clock.observe(answer.hlc);
    await store(settled);
    // Nothing of a request goes before what was done to it earlier.
    const held = new Set(waiting.map(({ requestId }) => requestId));
    left = left.filter(({ requestId }) => !held.has(requestId));
  }
}

/** As many from the front as one body may hold. */
function batch(queue) {
  const encoder = new TextEncoder();
  let bytes = 0;
  const end = queue.findIndex((change, place) => {
    bytes += encoder.encode(JSON.stringify(item(change))).length + 1;
    return place >= ITEMS_MAX || bytes > BODY_BYTES_MAX;
  });
  return end < 0 ? queue : queue.slice(0, end);
}

/** The change as the wire has it. */
const item = ({ opId, type, requestId: id, hlc, fields, seen }) => ({ opId, type, id, hlc, fields, seen });

/**
 * The change after its verdict.
 * @param {Change} change
 * @returns {Change}
 */
function settle(change, { verdict, code, detail, retryable, superseded, waitingFor, record }) {
  if (verdict === 'deferred' || (verdict === 'rejected' && retryable)) {
    // It stays, and goes again: at the next poke, or after 2, 4 … 60 s.
    const why = detail ?? (waitingFor ? `waits for ${waitingFor.kind} ${waitingFor.id}` : null);
    return { ...change, tries: change.tries + 1, code: code ?? 'deferred', detail: why };
  }
  if (verdict === 'rejected') return { ...change, state: 'refused', code, detail, now: record };
  const lost = superseded ?? []; // a verdict without this list superseded nothing
  const now = record && lost.length > 0 ? Object.fromEntries(lost.map((field) => [field, record[field]])) : null;
  return { ...change, state: 'done', code: null, detail: null, superseded: lost, now };
}
