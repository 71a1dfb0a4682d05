/**
 * Changes: what a user did, as the phone keeps it until the server has answered.
 *
 * `opId` and `hlc` are made when the change is made and stored with it. Sent again, after a lost answer or a
 * restart, it is the same change, and the server knows it.
 *
 * @typedef {object} Change
 * @property {string} opId
 * @property {string} hlc
 * @property {'upsert'|'submit'|'withdraw'|'delete'} type
 * @property {string} requestId
 * @property {Record<string, any>} [fields] of an upsert
 * @property {Record<string, string|string[]>} [seen] of a submit: the stamps of what its user saw
 * @property {'queued'|'done'|'refused'} state
 * @property {number} tries how often it was answered with "not now"
 * @property {string|null} code why it was refused, or has to wait
 * @property {string|null} detail the same as a sentence
 * @property {string[]} superseded fields in which another edit won
 * @property {Record<string, any>|null} now what the server has in the place of what lost
 *
 * @typedef {Record<string, any>} View a request as the wire has it
 */
import { uuidv7 } from './uuid.js';

/**
 * Edits a request; one that is new needs only a new `id`.
 * @param {import('./clock.js').Clock} clock
 * @param {View} shown what the user edited
 * @param {Record<string, any>} values the fields that changed; null clears one
 * @returns {Change}
 */
export function upsert(clock, shown, values) {
  const fields = { ...values };
  if (typeof fields.justification === 'string') {
    // Texts are merged: the server must know what this one was made from.
    fields.justification = { text: fields.justification, base: shown.justificationHeads };
  }
  return change(clock, shown, 'upsert', { fields });
}

/** Submits exactly what the user sees. If it is not that any more, the server says `content_changed`. */
export function submit(clock, shown) {
  const seen = { ...shown.stamps };
  if (seen.justification) seen.justification = shown.justificationHeads;
  return change(clock, shown, 'submit', { seen });
}

export const withdraw = (clock, shown) => change(clock, shown, 'withdraw', {});
export const remove = (clock, shown) => change(clock, shown, 'delete', {});

/** @returns {Change} */
function change(clock, shown, type, rest) {
  for (const stamp of Object.values(shown.stamps)) clock.observe(stamp);
  return blank({ opId: uuidv7(clock.wall()), hlc: clock.tick(), type, requestId: shown.id, ...rest });
}

/** @returns {Change} a change that nobody has answered */
export const blank = (made) =>
  ({ ...made, state: 'queued', tries: 0, code: null, detail: null, superseded: [], now: null });

const byStamp = (a, b) => (a.hlc < b.hlc ? -1 : 1);

/**
 * What waits for the server, in the order in which it was made.
 * @param {Change[]} changes
 * @returns {Change[]}
 */
export const queued = (changes) => changes.filter(({ state }) => state === 'queued').sort(byStamp);

/**
 * What the user sees: the server's record, and over it the changes that are not in it yet.
 * @param {string} id
 * @param {View|null|undefined} record as last pulled
 * @param {Change[]} changes of this request, at least
 * @returns {View} with `waiting`, the types of the changes that the server has not answered
 */
export function view(id, record, changes) {
  const shown = { id, status: 'draft', stamps: {}, justificationHeads: [], deleted: false };
  Object.assign(shown, structuredClone(record ?? {}), { waiting: [] });
  const own = changes.filter(({ requestId, state }) => requestId === id && state !== 'refused').sort(byStamp);
  for (const change of own) lay(shown, change);
  return shown;
}

function lay(shown, { type, hlc, fields, state, superseded }) {
  if (state === 'queued') shown.waiting.push(type);
  if (type === 'delete') shown.deleted = true;
  for (const [field, value] of Object.entries(fields ?? {})) {
    const merges = field === 'justification' && state === 'queued'; // a text never loses to a greater stamp
    const newer = hlc > (shown.stamps[field] ?? '');
    if (superseded.includes(field) || !(newer || merges)) continue;
    shown[field] = field === 'justification' && value ? value.text ?? value : value;
    if (newer) shown.stamps[field] = hlc;
    if (field === 'justification') shown.justificationHeads = [hlc];
  }
}

/**
 * What the user must be told of a change: that it was refused, or lost to another edit. Keep it until they have seen it.
 * @param {Change} change
 */
export function notice({ opId, requestId, type, state, code, detail, superseded, fields, now }) {
  if (state === 'refused') return { opId, requestId, kind: 'refused', type, code, detail, yours: fields ?? {}, now };
  if (superseded.length === 0) return null;
  const yours = Object.fromEntries(superseded.map((field) => [field, fields?.[field]]));
  return { opId, requestId, kind: 'superseded', type, code: null, detail: null, yours, now };
}

/**
 * Stamps anew what is queued, in order, after `clock_ahead`; whatever names one of the old stamps names the new one.
 * The operation ids stay.
 * @param {import('./clock.js').Clock} clock restarted
 * @param {Change[]} queue in order
 * @returns {Change[]}
 */
export function restamp(clock, queue) {
  const renamed = new Map();
  const rename = (stamp) => renamed.get(stamp) ?? stamp;
  return queue.map((change) => {
    const hlc = clock.tick();
    renamed.set(change.hlc, hlc);
    const next = { ...structuredClone(change), hlc };
    const text = next.fields?.justification;
    if (text?.base) text.base = text.base.map(rename);
    for (const [field, stamps] of Object.entries(next.seen ?? {})) {
      next.seen[field] = Array.isArray(stamps) ? stamps.map(rename) : rename(stamps);
    }
    return next;
  });
}
