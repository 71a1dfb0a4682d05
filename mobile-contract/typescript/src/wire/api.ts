// Generated from mobile-contract/openapi.json by `npm run types`. Do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description What goes with a vote by hand; all of it optional.
         * @example {
         *       "comment": "Agreed in the team."
         *     }
         */
        Act: {
            /** @description Why, at most 2,000 characters. */
            comment?: string | null;
            /**
             * Format: uuid
             * @description Names the operation: the same again is answered as the first time.
             */
            opId?: string | null;
            /** @description The revision that was seen: another is refused. */
            revision?: string | null;
        };
        /**
         * @description One level of approval of one revision of a request.
         * @example {
         *       "approverIds": [
         *         "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *         "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *       ],
         *       "basisAt": "2026-11-22T10:00:01.000005Z",
         *       "dissent": [],
         *       "id": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *       "level": 1,
         *       "quorum": 1,
         *       "request": {
         *         "amount": {
         *           "currency": "EUR",
         *           "minor": 125000
         *         },
         *         "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *         "departmentId": null,
         *         "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *         "justification": "Two days in Lyon.",
         *         "neededBy": "2026-12-01",
         *         "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *         "ownerName": "Sam Sales",
         *         "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *         "region": "EMEA",
         *         "submittedAt": "2026-11-22T10:00:01.000002Z",
         *         "title": "Trade fair"
         *       },
         *       "requestId": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *       "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *       "sealed": false,
         *       "sealsAt": "2026-11-23T23:00:01.000002Z",
         *       "status": "approved",
         *       "updatedAt": "2026-11-22T11:00:01.000002Z",
         *       "votes": [
         *         {
         *           "acceptedAt": "2026-11-22T11:00:01.000002Z",
         *           "approverId": "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *           "comment": "Agreed in the team.",
         *           "hlc": "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b",
         *           "vote": "approve"
         *         }
         *       ]
         *     }
         */
        Approval: {
            /**
             * Format: date-time
             * @description In lists: when the caller last voted.
             */
            actedAt?: string | null;
            /** @description Who may vote. */
            approverIds: string[];
            /**
             * Format: date-time
             * @description When it opened.
             */
            basisAt?: string | null;
            /** @description Votes on this level and those below that came too late to count. */
            dissent: components["schemas"]["CastVote"][];
            /**
             * Format: uuid
             * @description UUIDv5 of `<requestId>/<revision>/<level>` in the namespace `6f1f2d0a-3b57-4a63-9f59-0d8f6f0f7a10`.
             */
            id: string;
            /**
             * Format: int32
             * @description 1 to 3.
             */
            level: number;
            myVote?: components["schemas"]["VoteWord"] | null;
            /**
             * Format: int32
             * @description How many must approve.
             */
            quorum: number;
            /** @description What is decided about. */
            request: components["schemas"]["SealedRequest"];
            /**
             * Format: uuid
             * @description The request.
             */
            requestId: string;
            /** @description Digest of the sealed content: `sha256:` and 64 hex digits. */
            revision: string;
            /** @description Whether its outcome stands for ever. */
            sealed: boolean;
            /**
             * Format: date-time
             * @description When it seals by age, if its outcome stands until then.
             */
            sealsAt?: string | null;
            /** @description What its votes say. */
            status: components["schemas"]["ApprovalStatus"];
            /**
             * Format: date-time
             * @description When it last changed.
             */
            updatedAt: string;
            /** @description The votes that stand. */
            votes: components["schemas"]["CastVote"][];
        };
        /** @description What changed for an approver. */
        ApprovalChange: {
            /** @enum {string} */
            kind: "upsert";
            /** @description As it stands now. */
            record: components["schemas"]["Approval"];
        } | {
            /**
             * Format: uuid
             * @description Which.
             */
            id: string;
            /** @enum {string} */
            kind: "remove";
        };
        /**
         * @description A page of approvals, newest first.
         * @example {
         *       "items": [
         *         {
         *           "actedAt": "2026-11-22T11:00:01.000002Z",
         *           "approverIds": [
         *             "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *             "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *           ],
         *           "basisAt": "2026-11-22T10:00:01.000005Z",
         *           "dissent": [],
         *           "id": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *           "level": 1,
         *           "myVote": "approve",
         *           "quorum": 1,
         *           "request": {
         *             "amount": {
         *               "currency": "EUR",
         *               "minor": 125000
         *             },
         *             "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *             "departmentId": null,
         *             "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *             "justification": "Two days in Lyon.",
         *             "neededBy": "2026-12-01",
         *             "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *             "ownerName": "Sam Sales",
         *             "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *             "region": "EMEA",
         *             "submittedAt": "2026-11-22T10:00:01.000002Z",
         *             "title": "Trade fair"
         *           },
         *           "requestId": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *           "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *           "sealed": false,
         *           "sealsAt": "2026-11-23T23:00:01.000002Z",
         *           "status": "approved",
         *           "updatedAt": "2026-11-22T11:00:01.000002Z",
         *           "votes": [
         *             {
         *               "acceptedAt": "2026-11-22T11:00:01.000002Z",
         *               "approverId": "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *               "comment": "Agreed in the team.",
         *               "hlc": "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b",
         *               "vote": "approve"
         *             }
         *           ]
         *         }
         *       ],
         *       "next": null
         *     }
         */
        ApprovalPage: {
            /** @description The approvals. */
            items: components["schemas"]["Approval"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /**
         * @description What the votes of a level say.
         * @enum {string}
         */
        ApprovalStatus: "open" | "approved" | "rejected" | "closed";
        /**
         * @description A page of what changed, in commit order.
         * @example {
         *       "changes": [
         *         {
         *           "kind": "upsert",
         *           "record": {
         *             "approverIds": [
         *               "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *               "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *             ],
         *             "basisAt": "2026-11-22T10:00:01.000005Z",
         *             "dissent": [],
         *             "id": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *             "level": 1,
         *             "quorum": 1,
         *             "request": {
         *               "amount": {
         *                 "currency": "EUR",
         *                 "minor": 125000
         *               },
         *               "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *               "departmentId": null,
         *               "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *               "justification": "Two days in Lyon.",
         *               "neededBy": "2026-12-01",
         *               "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *               "ownerName": "Sam Sales",
         *               "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *               "region": "EMEA",
         *               "submittedAt": "2026-11-22T10:00:01.000002Z",
         *               "title": "Trade fair"
         *             },
         *             "requestId": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *             "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *             "sealed": false,
         *             "sealsAt": "2026-11-23T23:00:01.000002Z",
         *             "status": "approved",
         *             "updatedAt": "2026-11-22T11:00:01.000002Z",
         *             "votes": [
         *               {
         *                 "acceptedAt": "2026-11-22T11:00:01.000002Z",
         *                 "approverId": "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *                 "comment": "Agreed in the team.",
         *                 "hlc": "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b",
         *                 "vote": "approve"
         *               }
         *             ]
         *           }
         *         }
         *       ],
         *       "hasMore": false,
         *       "lastSync": "2026-11-22T11:00:01.000002Z",
         *       "serverTime": "2026-11-22T11:00:02.000000Z"
         *     }
         */
        ApprovalUpdates: {
            /** @description What changed. */
            changes: components["schemas"]["ApprovalChange"][];
            /** @description Whether there is more. */
            hasMore: boolean;
            /**
             * Format: date-time
             * @description Where the next pull goes on; send it back as it came.
             */
            lastSync: string;
            /**
             * Format: date-time
             * @description The server's time.
             */
            serverTime: string;
        };
        /**
         * @description Who approves a level of a category.
         * @example {
         *       "approverIds": [
         *         "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *         "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *       ],
         *       "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *       "id": "dba81efb-80f8-567b-8fd3-2751ed75ad4a",
         *       "level": 1,
         *       "quorum": 1,
         *       "version": 1
         *     }
         */
        Assignment: {
            /** @description Who may vote. */
            approverIds: string[];
            /**
             * Format: uuid
             * @description The category.
             */
            categoryId: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: int32
             * @description The level.
             */
            level: number;
            /**
             * Format: int32
             * @description How many of them must approve.
             */
            quorum: number;
            /**
             * Format: int64
             * @description Goes up with each change.
             */
            version: number;
        };
        /**
         * @description A page of assignments.
         * @example {
         *       "items": [
         *         {
         *           "approverIds": [
         *             "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *             "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *           ],
         *           "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *           "id": "dba81efb-80f8-567b-8fd3-2751ed75ad4a",
         *           "level": 1,
         *           "quorum": 1,
         *           "version": 1
         *         }
         *       ],
         *       "next": null
         *     }
         */
        AssignmentPage: {
            /** @description The assignments. */
            items: components["schemas"]["Assignment"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /** @description What an approver said. */
        CastVote: {
            /**
             * Format: date-time
             * @description When the server accepted it; of dissent, when it arrived.
             */
            acceptedAt: string;
            /**
             * Format: uuid
             * @description Who.
             */
            approverId: string;
            /** @description Of dissent: why it does not count. */
            code?: string | null;
            /** @description Why. */
            comment?: string | null;
            /** @description When, by the approver's phone. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: int32
             * @description Of dissent: about which level.
             */
            level?: number | null;
            /** @description What. */
            vote: components["schemas"]["VoteWord"];
        };
        /**
         * @description What a budget is for.
         * @example {
         *       "active": true,
         *       "id": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *       "levels": 1,
         *       "name": "Travel",
         *       "version": 1
         *     }
         */
        Category: {
            /** @description False once retired. */
            active: boolean;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /**
             * Format: int32
             * @description How many levels approve.
             */
            levels: number;
            /** @description As shown. */
            name: string;
            /**
             * Format: int64
             * @description Goes up with each change; `If-Match` takes it.
             */
            version: number;
        };
        /**
         * @description A page of categories.
         * @example {
         *       "items": [
         *         {
         *           "active": true,
         *           "id": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *           "levels": 1,
         *           "name": "Travel",
         *           "version": 1
         *         }
         *       ],
         *       "next": null
         *     }
         */
        CategoryPage: {
            /** @description The categories, retired ones too. */
            items: components["schemas"]["Category"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /** @description What changed for the caller. */
        Change: {
            /** @enum {string} */
            kind: "upsert";
            /** @description As it stands now. */
            record: components["schemas"]["Request"];
        } | {
            /**
             * Format: uuid
             * @description Which.
             */
            id: string;
            /** @enum {string} */
            kind: "remove";
        };
        /**
         * @description How a message reaches a person.
         * @enum {string}
         */
        Channel: "push" | "email" | "sms";
        /** @description The channels that tell of each thing; none of them mutes it. Push and e-mail where not given. */
        ChosenChannels: {
            /** @description That my requests are approved or rejected for good. */
            final?: components["schemas"]["Channel"][];
            /** @description What a level decided about my requests. */
            outcome?: components["schemas"]["Channel"][];
            /** @description Requests that wait for my vote. */
            waiting?: components["schemas"]["Channel"][];
        };
        /**
         * @description A proof that the log has only grown.
         * @example {
         *       "from": 1,
         *       "hashes": [
         *         "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
         *         "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="
         *       ],
         *       "to": 3
         *     }
         */
        ConsistencyProof: {
            /**
             * Format: int64
             * @description The size of the earlier tree.
             */
            from: number;
            /** @description RFC 6962, section 2.1.2, in base64. */
            hashes: string[];
            /**
             * Format: int64
             * @description The size of the later one.
             */
            to: number;
        };
        /**
         * @description A person that was created, or whose password was reset.
         * @example {
         *       "active": true,
         *       "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "email": "sales1@demo.athena",
         *       "id": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *       "locale": "en",
         *       "name": "Sam Sales",
         *       "oneTimeToken": "5f0e9d8c7b6a59483726150493827160f5e4d3c2b1a09f8e7d6c5b4a39281706",
         *       "region": "EMEA",
         *       "roles": [
         *         "sales"
         *       ],
         *       "version": 1
         *     }
         */
        CreatedUser: {
            /** @description False once the person has left. */
            active: boolean;
            /**
             * Format: uuid
             * @description The department the person works in.
             */
            departmentId?: string | null;
            /** @description The address that signs in, in lower case. */
            email: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description A language tag (BCP 47). */
            locale?: string | null;
            /** @description As shown to others. */
            name: string;
            /** @description Signs in once in place of a password, within 7 days; told only here. */
            oneTimeToken?: string | null;
            /** @description A sales region. */
            region?: string | null;
            /** @description What the person may do. */
            roles: components["schemas"]["Role"][];
            /**
             * Format: int64
             * @description Goes up with each change.
             */
            version: number;
        };
        /**
         * @description A department.
         * @example {
         *       "id": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "name": "Field sales",
         *       "version": 1
         *     }
         */
        Department: {
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description As shown. */
            name: string;
            /**
             * Format: int64
             * @description Goes up with each change.
             */
            version: number;
        };
        /**
         * @description A page of departments, newest first.
         * @example {
         *       "items": [
         *         {
         *           "id": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *           "name": "Field sales",
         *           "version": 1
         *         }
         *       ],
         *       "next": null
         *     }
         */
        DepartmentPage: {
            /** @description The departments. */
            items: components["schemas"]["Department"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /**
         * @description An e-mail. Either `recipientId` or `to`, either `template` or `text`.
         * @example {
         *       "data": {
         *         "amount": "1,250.00 EUR",
         *         "title": "Stand at the trade fair"
         *       },
         *       "idempotencyKey": "ledger-4711",
         *       "template": "approved",
         *       "to": "finance@example.com"
         *     }
         */
        EmailMessage: {
            /** @description What the template is filled with; `subject` is the subject of a `text`. */
            data?: {
                [key: string]: unknown;
            };
            /** @description The same key again is the same message. */
            idempotencyKey?: string | null;
            /**
             * Format: uuid
             * @description A person.
             */
            recipientId?: string | null;
            template?: components["schemas"]["MessageTemplate"] | null;
            /** @description A text as it is. */
            text?: string | null;
            /** @description An address. */
            to?: string | null;
        };
        /** @description One thing that happened. */
        HistoryItem: {
            /**
             * Format: uuid
             * @description Who did it; null when the server did.
             */
            actorId?: string | null;
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description What the actor said. */
            comment?: string | null;
            /** @description The particulars: fields and values for edits, what lost for `superseded`, the code for `refused`. */
            detail?: unknown;
            /**
             * @description `created`, `edited`, `superseded`, `refused`, `submitted`, `voted`, `rolled_back`, `level_approved`,
             *     `level_rejected`, `level_sealed`, `withdrawn`, `deleted` or `finalized`.
             */
            event: string;
            /**
             * Format: int32
             * @description The level, for events of one.
             */
            level?: number | null;
        };
        /** @description A hybrid logical clock reading: `2026-11-22T10:00:00.123Z-0007-a1b2c3d4e5f60718`, compared as bytes. */
        Hlc: string;
        /**
         * @description A proof that an entry is in the log.
         * @example {
         *       "hashes": [
         *         "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
         *         "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c="
         *       ],
         *       "leaf": "e30=",
         *       "leafHash": "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
         *       "seq": 1,
         *       "size": 3
         *     }
         */
        InclusionProof: {
            /** @description RFC 6962, section 2.1.1, in base64: from the entry's sibling up. */
            hashes: string[];
            /** @description Its canonical bytes (RFC 8785), in base64. */
            leaf: string;
            /** @description SHA-256 of 0x00 and those bytes, in base64. */
            leafHash: string;
            /**
             * Format: int64
             * @description Which entry.
             */
            seq: number;
            /**
             * Format: int64
             * @description Of the tree over so many.
             */
            size: number;
        };
        /** @description One thing wrong with the input. */
        InputError: {
            /** @description What is wrong with it. */
            detail: string;
            /** @description JSON pointer into the body (`/amount/minor`), or `/query/…`, `/path/…`, `/header/…`. */
            pointer: string;
        };
        /**
         * @description One entry of the log.
         * @example {
         *       "action": "request.withdrawn",
         *       "actorId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *       "at": "2026-11-22T10:00:01.000002Z",
         *       "detail": {
         *         "actorId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *         "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *         "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db"
         *       },
         *       "eventId": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *       "key": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *       "leafHash": "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
         *       "requestId": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *       "seq": 1042,
         *       "traceId": "0af7651916cd43dd8448eb211c80319c"
         *     }
         */
        LogEntry: {
            /** @description What happened: the kind of the event, `request.submitted` for instance. */
            action: string;
            /**
             * Format: uuid
             * @description Who did it; null: the system.
             */
            actorId?: string | null;
            /**
             * Format: date-time
             * @description When it happened.
             */
            at: string;
            /** @description What the event says. */
            detail: Record<string, never>;
            /**
             * Format: uuid
             * @description The event it was made of.
             */
            eventId: string;
            /**
             * Format: uuid
             * @description The event's key: usually the record it is about.
             */
            key: string;
            /** @description SHA-256 of 0x00 and the entry's canonical bytes (RFC 6962), in base64. */
            leafHash: string;
            /**
             * Format: uuid
             * @description The request it is about.
             */
            requestId?: string | null;
            /**
             * Format: int64
             * @description Its place, from 0.
             */
            seq: number;
            /** @description The trace of the HTTP request that caused it. */
            traceId?: string | null;
        };
        /**
         * @description Entries, newest first.
         * @example {
         *       "items": [
         *         {
         *           "action": "request.withdrawn",
         *           "actorId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *           "at": "2026-11-22T10:00:01.000002Z",
         *           "detail": {
         *             "actorId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *             "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *             "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db"
         *           },
         *           "eventId": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *           "key": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *           "leafHash": "lqKW0iTyhcZ77pPDD4owkVfw2qNdxbh+QQt4YwoJz8c=",
         *           "requestId": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *           "seq": 1042,
         *           "traceId": "0af7651916cd43dd8448eb211c80319c"
         *         }
         *       ],
         *       "next": null
         *     }
         */
        LogPage: {
            /** @description The entries. */
            items: components["schemas"]["LogEntry"][];
            /** @description The cursor of the next page. */
            next?: string | null;
        };
        /**
         * @description Who signs in.
         * @example {
         *       "deviceId": "phone-1",
         *       "email": "sales1@demo.athena",
         *       "password": "athena-demo"
         *     }
         */
        Login: {
            /** @description The phone, at most 128 characters. */
            deviceId?: string | null;
            /** @description In any case. */
            email: string;
            /**
             * Format: password
             * @description The password, or the one-time token of a new account.
             */
            password: string;
        };
        /**
         * @description A session to be ended.
         * @example {
         *       "refreshToken": "0195d0c07d5c700080000123456789abd1b9c1f7a4e05c6b3a2918f7e6d5c4b3a29180716f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0918273645f0"
         *     }
         */
        Logout: {
            /** @description The latest one answered. */
            refreshToken?: string | null;
        };
        /** @description Something that was tried. */
        MessageAttempt: {
            /**
             * Format: date-time
             * @description When.
             */
            at: string;
            /** @description Why, for people. */
            detail?: string | null;
            /** @description `sent`, `retry`, `delivered`, `bounced`, `undelivered`, `failed`, `cancelled`, `replayed`. */
            outcome: string;
        };
        /**
         * @description What has become of a message.
         * @enum {string}
         */
        MessageStatus: "queued" | "sent" | "delivered" | "bounced" | "undelivered" | "cancelled" | "failed";
        /**
         * @description A text that the server makes, in the person's language.
         * @enum {string}
         */
        MessageTemplate: "level_opened" | "level_closed" | "withdrawn" | "level_approved" | "level_rejected" | "rolled_back" | "approved" | "rejected";
        /** @description An amount of money. */
        Money: {
            /**
             * @description ISO 4217.
             * @example EUR
             * @enum {string}
             */
            currency: "AED" | "AFN" | "ALL" | "AMD" | "AOA" | "ARS" | "AUD" | "AWG" | "AZN" | "BAM" | "BBD" | "BDT" | "BGN" | "BHD" | "BIF" | "BMD" | "BND" | "BOB" | "BOV" | "BRL" | "BSD" | "BTN" | "BWP" | "BYN" | "BZD" | "CAD" | "CDF" | "CHE" | "CHF" | "CHW" | "CLF" | "CLP" | "CNY" | "COP" | "COU" | "CRC" | "CUC" | "CUP" | "CVE" | "CZK" | "DJF" | "DKK" | "DOP" | "DZD" | "EGP" | "ERN" | "ETB" | "EUR" | "FJD" | "FKP" | "GBP" | "GEL" | "GHS" | "GIP" | "GMD" | "GNF" | "GTQ" | "GYD" | "HKD" | "HNL" | "HRK" | "HTG" | "HUF" | "IDR" | "ILS" | "INR" | "IQD" | "IRR" | "ISK" | "JMD" | "JOD" | "JPY" | "KES" | "KGS" | "KHR" | "KMF" | "KPW" | "KRW" | "KWD" | "KYD" | "KZT" | "LAK" | "LBP" | "LKR" | "LRD" | "LSL" | "LYD" | "MAD" | "MDL" | "MGA" | "MKD" | "MMK" | "MNT" | "MOP" | "MRU" | "MUR" | "MVR" | "MWK" | "MXN" | "MXV" | "MYR" | "MZN" | "NAD" | "NGN" | "NIO" | "NOK" | "NPR" | "NZD" | "OMR" | "PAB" | "PEN" | "PGK" | "PHP" | "PKR" | "PLN" | "PYG" | "QAR" | "RON" | "RSD" | "RUB" | "RWF" | "SAR" | "SBD" | "SCR" | "SDG" | "SEK" | "SGD" | "SHP" | "SLE" | "SLL" | "SOS" | "SRD" | "SSP" | "STN" | "SVC" | "SYP" | "SZL" | "THB" | "TJS" | "TMT" | "TND" | "TOP" | "TRY" | "TTD" | "TWD" | "TZS" | "UAH" | "UGX" | "USD" | "USN" | "UYI" | "UYU" | "UYW" | "UZS" | "VED" | "VES" | "VND" | "VUV" | "WST" | "XAD" | "XAF" | "XAG" | "XAU" | "XBA" | "XBB" | "XBC" | "XBD" | "XCD" | "XCG" | "XDR" | "XOF" | "XPD" | "XPF" | "XPT" | "XSU" | "XUA" | "YER" | "ZAR" | "ZMW" | "ZWG" | "ZWL";
            /**
             * Format: int64
             * @description Minor units (cents), 1 to 10¹⁵.
             */
            minor: number;
        };
        /**
         * @description Who shall approve a level of a category; replaces who did.
         * @example {
         *       "approverIds": [
         *         "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *         "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *       ],
         *       "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *       "level": 1,
         *       "quorum": 2
         *     }
         */
        NewAssignment: {
            /** @description Who may vote, each once; those who can are as many as the quorum at least. */
            approverIds: string[];
            /**
             * Format: uuid
             * @description The category.
             */
            categoryId: string;
            /**
             * Format: uuid
             * @description Its id, if the level has none yet; drawn where none is given.
             */
            id?: string | null;
            /**
             * Format: int32
             * @description The level.
             */
            level: number;
            /**
             * Format: int32
             * @description How many of them must approve; 1 where not given.
             */
            quorum?: number;
        };
        /**
         * @description A category to be created, or as it should be.
         * @example {
         *       "active": true,
         *       "levels": 2,
         *       "name": "Training"
         *     }
         */
        NewCategory: {
            /** @description Whether requests may still name it; true where not given. */
            active?: boolean;
            /**
             * Format: uuid
             * @description Its id; drawn where none is given. In a PUT the path says it.
             */
            id?: string | null;
            /**
             * Format: int32
             * @description How many levels approve.
             */
            levels: number;
            /** @description As shown. */
            name: string;
        };
        /**
         * @description A department to be created.
         * @example {
         *       "name": "Partner sales"
         *     }
         */
        NewDepartment: {
            /**
             * Format: uuid
             * @description Its id; drawn where none is given.
             */
            id?: string | null;
            /** @description As shown. */
            name: string;
        };
        /**
         * @description A reason to be created, or as it should be.
         * @example {
         *       "active": true,
         *       "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *       "text": "Visit of a partner"
         *     }
         */
        NewReason: {
            /** @description Whether requests may still name it; true where not given. */
            active?: boolean;
            /**
             * Format: uuid
             * @description The one category it belongs to.
             */
            categoryId?: string | null;
            /**
             * Format: uuid
             * @description Its id; drawn where none is given. In a PUT the path says it.
             */
            id?: string | null;
            /** @description As shown. */
            text: string;
        };
        /**
         * @description The content of a new request, which is submitted at once.
         * @example {
         *       "amount": {
         *         "currency": "EUR",
         *         "minor": 125000
         *       },
         *       "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *       "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *       "justification": "Two days in Lyon.",
         *       "neededBy": "2026-12-01",
         *       "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *       "region": "EMEA",
         *       "title": "Trade fair"
         *     }
         */
        NewRequest: {
            /** @description How much. */
            amount: components["schemas"]["Money"];
            /**
             * Format: uuid
             * @description A live category.
             */
            categoryId: string;
            /**
             * Format: uuid
             * @description For whom.
             */
            departmentId?: string | null;
            /**
             * Format: uuid
             * @description Its id; or send the header `Idempotency-Key`.
             */
            id?: string | null;
            /** @description At most 10,000 characters. */
            justification?: string | null;
            /**
             * Format: date
             * @description By when.
             */
            neededBy?: string | null;
            /**
             * Format: uuid
             * @description A live reason.
             */
            reasonId: string;
            /** @description At most 64 characters. */
            region?: string | null;
            /** @description 1 to 200 characters. */
            title: string;
        };
        /**
         * @description A person to be created.
         * @example {
         *       "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "email": "fay@demo.athena",
         *       "locale": "de",
         *       "name": "Fay Field",
         *       "region": "EMEA",
         *       "roles": [
         *         "sales"
         *       ]
         *     }
         */
        NewUser: {
            /**
             * Format: uuid
             * @description An existing department.
             */
            departmentId?: string | null;
            /** @description The address that signs in; its case does not matter. */
            email: string;
            /**
             * Format: uuid
             * @description Its id; drawn where none is given.
             */
            id?: string | null;
            /** @description A language tag (BCP 47). */
            locale?: string | null;
            /** @description As shown to others. */
            name: string;
            /** @description Without one, a one-time token is answered. */
            password?: string | null;
            /** @description A sales region. */
            region?: string | null;
            /** @description What the person may do; at least one role. */
            roles: components["schemas"]["Role"][];
        };
        /**
         * @description A message and what was tried.
         * @example {
         *       "attempts": [
         *         {
         *           "at": "2026-11-22T10:00:00.000000Z",
         *           "detail": "Twilio answers HTTP 503",
         *           "outcome": "retry"
         *         },
         *         {
         *           "at": "2026-11-22T10:00:02.500000Z",
         *           "detail": null,
         *           "outcome": "sent"
         *         },
         *         {
         *           "at": "2026-11-22T10:00:04.000000Z",
         *           "detail": null,
         *           "outcome": "delivered"
         *         }
         *       ],
         *       "channel": "sms",
         *       "id": "0195d0c0-7d5c-7000-8000-00000000a001",
         *       "status": "delivered"
         *     }
         */
        NotificationStatus: {
            /** @description What was tried, and what the provider told later; oldest first. */
            attempts: components["schemas"]["MessageAttempt"][];
            /** @description How it is sent. */
            channel: components["schemas"]["Channel"];
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description What has become of it. */
            status: components["schemas"]["MessageStatus"];
        };
        /**
         * @description The caller's password, old and new.
         * @example {
         *       "current": "athena-demo",
         *       "new": "correct horse battery"
         *     }
         */
        PasswordChange: {
            /**
             * Format: password
             * @description What the caller signed in with: the password or, of a new account, the one-time token.
             */
            current: string;
            /**
             * Format: password
             * @description From now on.
             */
            new: string;
        };
        /** @description A command that says no more than what it is. */
        Plain: {
            /** @description When, by the phone's clock. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: uuid
             * @description The request.
             */
            id: string;
            /**
             * Format: uuid
             * @description Names the operation, once a user.
             */
            opId: string;
        };
        /**
         * @description What an app runs on.
         * @enum {string}
         */
        Platform: "android" | "ios" | "web";
        /**
         * @description How a person wants to be told.
         * @example {
         *       "channels": {
         *         "final": [
         *           "push",
         *           "email"
         *         ],
         *         "outcome": [
         *           "push"
         *         ],
         *         "waiting": [
         *           "push",
         *           "sms"
         *         ]
         *       },
         *       "phone": "+4915112345678",
         *       "quietHours": {
         *         "from": "22:00",
         *         "to": "07:00"
         *       },
         *       "timeZone": "Europe/Berlin"
         *     }
         */
        Preferences: {
            /** @description By what of what; as usual where not given. */
            channels?: components["schemas"]["ChosenChannels"];
            /** @description Where SMS go (E.164). */
            phone?: string | null;
            quietHours?: components["schemas"]["QuietHours"] | null;
            /** @description An IANA time zone, as `Europe/Berlin`: where quiet hours are read off the wall. `UTC` where not given. */
            timeZone?: string;
        };
        /** @description A problem document (RFC 9457). */
        Problem: {
            /** @description What went wrong, for programs: a code of `ProblemCode`, or of a rule with status 409. */
            code: string;
            /** @description What went wrong this time, for people. */
            detail: string;
            /** @description What is wrong with the input, place by place. */
            errors?: components["schemas"]["InputError"][];
            /** @description The trace id, to be quoted when asking for help. */
            instance: string;
            /**
             * Format: int32
             * @description The HTTP status.
             */
            status: number;
            /** @description The kind, for people. */
            title: string;
            /** @description A name of the kind of problem, one a code. */
            type: string;
        };
        /**
         * @description What kind of failure it is; stable, and safe to branch on.
         * @enum {string}
         */
        ProblemCode: "malformed_body" | "invalid_value" | "unauthenticated" | "invalid_credentials" | "token_expired" | "session_revoked" | "forbidden" | "not_found" | "method_not_allowed" | "not_acceptable" | "unsupported_media_type" | "email_taken" | "wrong_user" | "last_admin" | "resync_required" | "precondition_failed" | "body_too_large" | "batch_too_large" | "rate_limited" | "unavailable" | "internal";
        /**
         * @description A push message. Either `recipientId` or `to`, either `template` or `text`.
         * @example {
         *       "data": {
         *         "subject": "Reminder"
         *       },
         *       "recipientId": "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *       "text": "The quarter closes on Friday."
         *     }
         */
        PushMessage: {
            /** @description What the template is filled with; `subject` is the title of a `text`. */
            data?: {
                [key: string]: unknown;
            };
            /** @description The same key again is the same message. */
            idempotencyKey?: string | null;
            /**
             * Format: uuid
             * @description A person: to all phones, in the person's language, outside of quiet hours.
             */
            recipientId?: string | null;
            template?: components["schemas"]["MessageTemplate"] | null;
            /** @description A text as it is. */
            text?: string | null;
            /** @description A registration token. */
            to?: string | null;
        };
        /**
         * @description Where a phone takes push messages.
         * @example {
         *       "platform": "android",
         *       "token": "fGhI-jKlMnOpQrStUvWxYz:APA91b"
         *     }
         */
        PushToken: {
            /** @description What the app runs on. */
            platform: components["schemas"]["Platform"];
            /** @description The registration token that FCM gave the app. */
            token: string;
        };
        /**
         * @description A message that was queued.
         * @example {
         *       "id": "0195d0c0-7d5c-7000-8000-00000000a001"
         *     }
         */
        Queued: {
            /**
             * Format: uuid
             * @description Its id, for its status.
             */
            id: string;
        };
        /** @description From a time of the day to another one, across midnight where the second is earlier. */
        QuietHours: {
            /** @description `HH:MM`, inclusive. */
            from: string;
            /** @description `HH:MM`, exclusive. */
            to: string;
        };
        /**
         * @description Why a budget is asked for.
         * @example {
         *       "active": true,
         *       "categoryId": null,
         *       "id": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *       "text": "Other",
         *       "version": 1
         *     }
         */
        Reason: {
            /** @description False once retired. */
            active: boolean;
            /**
             * Format: uuid
             * @description The one category it belongs to; null: it fits all.
             */
            categoryId?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description As shown. */
            text: string;
            /**
             * Format: int64
             * @description Goes up with each change; `If-Match` takes it.
             */
            version: number;
        };
        /**
         * @description A page of reasons.
         * @example {
         *       "items": [
         *         {
         *           "active": true,
         *           "categoryId": null,
         *           "id": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *           "text": "Other",
         *           "version": 1
         *         }
         *       ],
         *       "next": null
         *     }
         */
        ReasonPage: {
            /** @description The reasons, retired ones too. */
            items: components["schemas"]["Reason"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /**
         * @description A session to be continued.
         * @example {
         *       "refreshToken": "0195d0c07d5c700080000123456789abd1b9c1f7a4e05c6b3a2918f7e6d5c4b3a29180716f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0918273645f0"
         *     }
         */
        Refresh: {
            /** @description The latest one answered. */
            refreshToken: string;
        };
        /**
         * @description A budget request.
         * @example {
         *       "amount": {
         *         "currency": "EUR",
         *         "minor": 125000
         *       },
         *       "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *       "createdAt": "2026-11-22T10:00:01.000002Z",
         *       "deleted": false,
         *       "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "final": false,
         *       "finalAt": null,
         *       "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *       "justification": "Two days in Lyon.",
         *       "justificationHeads": [
         *         "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *       ],
         *       "neededBy": "2026-12-01",
         *       "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *       "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *       "region": "EMEA",
         *       "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *       "stamps": {
         *         "amount": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "categoryId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "departmentId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "justification": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "neededBy": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "reasonId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "region": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *         "title": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *       },
         *       "status": "pending_l1",
         *       "submittedAt": "2026-11-22T10:00:01.000002Z",
         *       "title": "Trade fair",
         *       "updatedAt": "2026-11-22T10:00:01.000002Z"
         *     }
         */
        Request: {
            amount?: components["schemas"]["Money"] | null;
            /**
             * Format: uuid
             * @description The category decides how many levels approve.
             */
            categoryId?: string | null;
            /**
             * Format: date-time
             * @description When the server first heard of it.
             */
            createdAt: string;
            /** @description Whether it is deleted. */
            deleted: boolean;
            /**
             * Format: uuid
             * @description For whom.
             */
            departmentId?: string | null;
            /** @description Whether nothing can change any more. */
            final: boolean;
            /**
             * Format: date-time
             * @description Since when.
             */
            finalAt?: string | null;
            /**
             * Format: uuid
             * @description Made by the phone (UUIDv7).
             */
            id: string;
            /** @description Text that merges; at most 10,000 characters. */
            justification?: string | null;
            /** @description The edits the shown justification was made from: the `base` of the next one. */
            justificationHeads: components["schemas"]["Hlc"][];
            /**
             * Format: date
             * @description By when.
             */
            neededBy?: string | null;
            /**
             * Format: uuid
             * @description Whose it is.
             */
            ownerId: string;
            /**
             * Format: uuid
             * @description Why.
             */
            reasonId?: string | null;
            /** @description At most 64 characters. */
            region?: string | null;
            /** @description Digest of the sealed content: `sha256:` and 64 hex digits. */
            revision?: string | null;
            /** @description The stamp of each field ever written. */
            stamps: {
                [key: string]: components["schemas"]["Hlc"];
            };
            /** @description Where it stands. */
            status: components["schemas"]["RequestStatus"];
            /**
             * Format: date-time
             * @description When it was sealed.
             */
            submittedAt?: string | null;
            /** @description 1 to 200 characters. */
            title?: string | null;
            /**
             * Format: date-time
             * @description When the server last changed it.
             */
            updatedAt: string;
        };
        /**
         * @description What has happened to a request, oldest first.
         * @example {
         *       "items": [
         *         {
         *           "actorId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *           "at": "2026-11-22T10:00:01.000002Z",
         *           "detail": {
         *             "fields": [
         *               "title",
         *               "amount"
         *             ]
         *           },
         *           "event": "created"
         *         },
         *         {
         *           "actorId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *           "at": "2026-11-22T10:00:01.000002Z",
         *           "detail": {
         *             "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467"
         *           },
         *           "event": "submitted"
         *         }
         *       ]
         *     }
         */
        RequestHistory: {
            /** @description The events. */
            items: components["schemas"]["HistoryItem"][];
        };
        /**
         * @description A page of requests, newest first.
         * @example {
         *       "items": [
         *         {
         *           "amount": {
         *             "currency": "EUR",
         *             "minor": 125000
         *           },
         *           "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *           "createdAt": "2026-11-22T10:00:01.000002Z",
         *           "deleted": false,
         *           "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *           "final": false,
         *           "finalAt": null,
         *           "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *           "justification": "Two days in Lyon.",
         *           "justificationHeads": [
         *             "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *           ],
         *           "neededBy": "2026-12-01",
         *           "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *           "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *           "region": "EMEA",
         *           "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *           "stamps": {
         *             "amount": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "categoryId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "departmentId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "justification": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "neededBy": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "reasonId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "region": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *             "title": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *           },
         *           "status": "pending_l1",
         *           "submittedAt": "2026-11-22T10:00:01.000002Z",
         *           "title": "Trade fair",
         *           "updatedAt": "2026-11-22T10:00:01.000002Z"
         *         }
         *       ],
         *       "next": null
         *     }
         */
        RequestPage: {
            /** @description The requests. */
            items: components["schemas"]["Request"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /**
         * @description Where a request stands.
         * @enum {string}
         */
        RequestStatus: "draft" | "pending_l1" | "pending_l2" | "pending_l3" | "approved" | "rejected" | "withdrawn";
        /**
         * @description What a person may do.
         * @enum {string}
         */
        Role: "sales" | "approver" | "admin" | "auditor" | "service";
        /** @description The sealed content of a request, with its owner's name. */
        SealedRequest: {
            amount?: components["schemas"]["Money"] | null;
            /**
             * Format: uuid
             * @description The category.
             */
            categoryId?: string | null;
            /**
             * Format: uuid
             * @description For whom.
             */
            departmentId?: string | null;
            /**
             * Format: uuid
             * @description The request.
             */
            id: string;
            /** @description Why. */
            justification?: string | null;
            /**
             * Format: date
             * @description By when.
             */
            neededBy?: string | null;
            /**
             * Format: uuid
             * @description Whose it is.
             */
            ownerId: string;
            /** @description What the owner is called. */
            ownerName?: string | null;
            /**
             * Format: uuid
             * @description The reason.
             */
            reasonId?: string | null;
            /** @description A sales region. */
            region?: string | null;
            /**
             * Format: date-time
             * @description When it was sealed.
             */
            submittedAt: string;
            /** @description 1 to 200 characters. */
            title?: string | null;
        };
        /**
         * @description An open session.
         * @example {
         *       "accessToken": "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJhdGhlbmEifQ.c2lnbmF0dXJl",
         *       "expiresIn": 900,
         *       "refreshToken": "0195d0c07d5c700080000123456789abd1b9c1f7a4e05c6b3a2918f7e6d5c4b3a29180716f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0918273645f0",
         *       "tokenType": "Bearer",
         *       "user": {
         *         "active": true,
         *         "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *         "email": "sales1@demo.athena",
         *         "id": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *         "locale": "en",
         *         "name": "Sam Sales",
         *         "region": "EMEA",
         *         "roles": [
         *           "sales"
         *         ],
         *         "version": 1
         *       }
         *     }
         */
        Session: {
            /** @description Sent as `Authorization: Bearer …`. */
            accessToken: string;
            /**
             * Format: int64
             * @description Seconds that the access token is good for.
             */
            expiresIn: number;
            /** @description Good for one refresh. */
            refreshToken: string;
            /** @description `Bearer`. */
            tokenType: string;
            /** @description Who signed in. */
            user: components["schemas"]["User"];
        };
        /**
         * @description An SMS. Either `recipientId` or `to`, either `template` or `text`.
         * @example {
         *       "data": {},
         *       "text": "The quarter closes on Friday.",
         *       "to": "+4915112345678"
         *     }
         */
        SmsMessage: {
            /** @description What the template is filled with. */
            data?: {
                [key: string]: unknown;
            };
            /** @description The same key again is the same message. */
            idempotencyKey?: string | null;
            /**
             * Format: uuid
             * @description A person who has named a number.
             */
            recipientId?: string | null;
            template?: components["schemas"]["MessageTemplate"] | null;
            /** @description A text as it is. */
            text?: string | null;
            /** @description A number (E.164). */
            to?: string | null;
        };
        /** @description Seals a draft. */
        Submit: {
            /** @description When, by the phone's clock. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: uuid
             * @description The request.
             */
            id: string;
            /**
             * Format: uuid
             * @description Names the operation, once a user.
             */
            opId: string;
            /** @description Field → stamp shown (the heads for the text): seals only that. */
            seen?: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * @description The answer to a batch.
         * @example {
         *       "changes": [],
         *       "clockOffsetMs": 1200,
         *       "hasMore": false,
         *       "hlc": "2026-11-22T10:00:02.000Z-0000-0817065f4e3d2c1b",
         *       "lastSync": "2026-11-22T10:00:01.000002Z",
         *       "results": [
         *         {
         *           "code": null,
         *           "detail": null,
         *           "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *           "opId": "0195d0c0-7d5c-7002-8000-000000000001",
         *           "record": null,
         *           "retryable": false,
         *           "superseded": [],
         *           "updatedAt": "2026-11-22T10:00:01.000002Z",
         *           "verdict": "applied",
         *           "waitingFor": null
         *         },
         *         {
         *           "code": null,
         *           "detail": null,
         *           "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *           "opId": "0195d0c0-7d5c-7002-8000-000000000002",
         *           "record": {
         *             "amount": {
         *               "currency": "EUR",
         *               "minor": 125000
         *             },
         *             "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *             "createdAt": "2026-11-22T10:00:01.000002Z",
         *             "deleted": false,
         *             "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *             "final": false,
         *             "finalAt": null,
         *             "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *             "justification": "Two days in Lyon.",
         *             "justificationHeads": [
         *               "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *             ],
         *             "neededBy": "2026-12-01",
         *             "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *             "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *             "region": "EMEA",
         *             "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *             "stamps": {
         *               "amount": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "categoryId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "departmentId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "justification": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "neededBy": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "reasonId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "region": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "title": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *             },
         *             "status": "pending_l1",
         *             "submittedAt": "2026-11-22T10:00:01.000002Z",
         *             "title": "Trade fair",
         *             "updatedAt": "2026-11-22T10:00:01.000002Z"
         *           },
         *           "retryable": false,
         *           "superseded": [],
         *           "updatedAt": "2026-11-22T10:00:01.000002Z",
         *           "verdict": "applied",
         *           "waitingFor": null
         *         }
         *       ],
         *       "serverTime": "2026-11-22T10:00:02.000000Z"
         *     }
         */
        SyncAnswer: {
            /** @description What changed since the batch's `lastSync`. */
            changes: components["schemas"]["Change"][];
            /**
             * Format: int64
             * @description Server time minus `clientTime`, in milliseconds.
             */
            clockOffsetMs?: number | null;
            /** @description Whether to go on at `updates`. */
            hasMore: boolean;
            /** @description The server's clock, to be observed by the phone. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: date-time
             * @description Where the next pull goes on; null without a pull.
             */
            lastSync?: string | null;
            /** @description One an item, in order. */
            results: components["schemas"]["SyncResult"][];
            /**
             * Format: date-time
             * @description The server's time.
             */
            serverTime: string;
        };
        /**
         * @description A batch from a phone's queue.
         * @example {
         *       "changes": [
         *         {
         *           "fields": {
         *             "amount": {
         *               "currency": "EUR",
         *               "minor": 125000
         *             },
         *             "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *             "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *             "justification": {
         *               "base": [],
         *               "text": "Two days in Lyon."
         *             },
         *             "neededBy": "2026-12-01",
         *             "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *             "region": "EMEA",
         *             "title": "Trade fair"
         *           },
         *           "hlc": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *           "id": "0195d0c0-7d5c-7001-8000-0123456789ab",
         *           "opId": "0195d0c0-7d5c-7002-8000-000000000001",
         *           "type": "upsert"
         *         },
         *         {
         *           "hlc": "2026-11-22T10:00:00.000Z-0001-a1b2c3d4e5f60718",
         *           "id": "0195d0c0-7d5c-7001-8000-0123456789ab",
         *           "opId": "0195d0c0-7d5c-7002-8000-000000000002",
         *           "type": "submit"
         *         },
         *         {
         *           "fields": {
         *             "region": null,
         *             "title": "Booth"
         *           },
         *           "hlc": "2026-11-22T10:00:00.000Z-0002-a1b2c3d4e5f60718",
         *           "id": "0195d0c0-7d5c-7003-8000-0123456789ab",
         *           "opId": "0195d0c0-7d5c-7002-8000-000000000003",
         *           "type": "upsert"
         *         }
         *       ],
         *       "clientTime": "2026-11-22T10:00:00.800Z",
         *       "deviceId": "phone-1",
         *       "lastSync": null
         *     }
         */
        SyncBatch: {
            /** @description At most 500, in order. */
            changes: components["schemas"]["SyncChange"][];
            /**
             * Format: date-time
             * @description What the phone's clock says; the answer names the offset.
             */
            clientTime?: string | null;
            /** @description The phone. */
            deviceId?: string | null;
            /**
             * Format: date-time
             * @description Pull since this; null: everything; absent: no pull.
             */
            lastSync?: string | null;
            /**
             * Format: uuid
             * @description Whose queue it is; another's is refused whole.
             */
            userId?: string | null;
        };
        /** @description One item of a batch. */
        SyncChange: (components["schemas"]["Upsert"] & {
            /** @enum {string} */
            type: "upsert";
        }) | (components["schemas"]["Submit"] & {
            /** @enum {string} */
            type: "submit";
        }) | (components["schemas"]["Plain"] & {
            /** @enum {string} */
            type: "withdraw";
        }) | (components["schemas"]["Plain"] & {
            /** @enum {string} */
            type: "delete";
        });
        /** @description The fate of one item. */
        SyncResult: {
            /** @description Why it was refused. */
            code?: string | null;
            /** @description Why, for people. */
            detail?: string | null;
            /**
             * Format: uuid
             * @description The request.
             */
            id?: string | null;
            /** @description As it was sent. */
            opId?: string | null;
            record?: components["schemas"]["Request"] | null;
            /** @description Whether the same may succeed later. */
            retryable: boolean;
            /** @description The fields whose sent value lost. */
            superseded: string[];
            /**
             * Format: date-time
             * @description When the record was last changed.
             */
            updatedAt?: string | null;
            /** @description What became of it. */
            verdict: components["schemas"]["Verdict"];
            waitingFor?: components["schemas"]["WaitingFor"] | null;
        };
        /** @description What Twilio tells, as far as it is read. */
        TwilioStatus: {
            /** @description Why it could not be delivered. */
            ErrorCode?: string | null;
            /** @description Twilio's name for the message. */
            MessageSid: string;
            /** @description `delivered`, `undelivered`, `failed`, and states on the way. */
            MessageStatus: string;
        };
        /**
         * @description A page of what changed, in commit order.
         * @example {
         *       "changes": [
         *         {
         *           "kind": "upsert",
         *           "record": {
         *             "amount": {
         *               "currency": "EUR",
         *               "minor": 125000
         *             },
         *             "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *             "createdAt": "2026-11-22T10:00:01.000002Z",
         *             "deleted": false,
         *             "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *             "final": false,
         *             "finalAt": null,
         *             "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *             "justification": "Two days in Lyon.",
         *             "justificationHeads": [
         *               "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *             ],
         *             "neededBy": "2026-12-01",
         *             "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *             "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *             "region": "EMEA",
         *             "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *             "stamps": {
         *               "amount": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "categoryId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "departmentId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "justification": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "neededBy": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "reasonId": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "region": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718",
         *               "title": "2026-11-22T10:00:00.000Z-0000-a1b2c3d4e5f60718"
         *             },
         *             "status": "pending_l1",
         *             "submittedAt": "2026-11-22T10:00:01.000002Z",
         *             "title": "Trade fair",
         *             "updatedAt": "2026-11-22T10:00:01.000002Z"
         *           }
         *         },
         *         {
         *           "id": "0195d0c0-7d5c-7001-8000-0123456789ab",
         *           "kind": "remove"
         *         }
         *       ],
         *       "hasMore": false,
         *       "lastSync": "2026-11-22T10:00:01.000002Z",
         *       "serverTime": "2026-11-22T10:00:02.000000Z"
         *     }
         */
        Updates: {
            /** @description What changed. */
            changes: components["schemas"]["Change"][];
            /** @description Whether there is more. */
            hasMore: boolean;
            /**
             * Format: date-time
             * @description Where the next pull goes on; send it back as it came.
             */
            lastSync: string;
            /**
             * Format: date-time
             * @description The server's time.
             */
            serverTime: string;
        };
        /** @description Writes fields of a draft. */
        Upsert: {
            /**
             * @description The fields written: null clears, absent leaves. `justification` may be
             *     `{"text": …, "base": [heads]}`, which merges.
             */
            fields: {
                [key: string]: unknown;
            };
            /** @description When, by the phone's clock. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: uuid
             * @description The request.
             */
            id: string;
            /**
             * Format: uuid
             * @description Names the operation, once a user.
             */
            opId: string;
        };
        /**
         * @description A person.
         * @example {
         *       "active": true,
         *       "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "email": "sales1@demo.athena",
         *       "id": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *       "locale": "en",
         *       "name": "Sam Sales",
         *       "region": "EMEA",
         *       "roles": [
         *         "sales"
         *       ],
         *       "version": 1
         *     }
         */
        User: {
            /** @description False once the person has left. */
            active: boolean;
            /**
             * Format: uuid
             * @description The department the person works in.
             */
            departmentId?: string | null;
            /** @description The address that signs in, in lower case. */
            email: string;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description A language tag (BCP 47). */
            locale?: string | null;
            /** @description As shown to others. */
            name: string;
            /** @description A sales region. */
            region?: string | null;
            /** @description What the person may do. */
            roles: components["schemas"]["Role"][];
            /**
             * Format: int64
             * @description Goes up with each change.
             */
            version: number;
        };
        /**
         * @description A page of people, newest first.
         * @example {
         *       "items": [
         *         {
         *           "active": true,
         *           "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *           "email": "sales1@demo.athena",
         *           "id": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *           "locale": "en",
         *           "name": "Sam Sales",
         *           "region": "EMEA",
         *           "roles": [
         *             "sales"
         *           ],
         *           "version": 1
         *         }
         *       ],
         *       "next": null
         *     }
         */
        UserPage: {
            /** @description The people. */
            items: components["schemas"]["User"][];
            /** @description The `cursor` of the next page. */
            next?: string | null;
        };
        /**
         * @description A person as it shall be.
         * @example {
         *       "active": true,
         *       "departmentId": "3d29fee4-8ed8-5c30-8f9b-4c9ce9cccc14",
         *       "email": "sam@demo.athena",
         *       "locale": "en",
         *       "name": "Sam Sales",
         *       "region": "EMEA",
         *       "roles": [
         *         "sales",
         *         "approver"
         *       ]
         *     }
         */
        UserUpdate: {
            /** @description False: the person leaves; true: comes back; not given: as before. */
            active?: boolean | null;
            /**
             * Format: uuid
             * @description An existing department; none where not given.
             */
            departmentId?: string | null;
            /** @description The address that signs in; its case does not matter. */
            email: string;
            /** @description A language tag (BCP 47); none where not given. */
            locale?: string | null;
            /** @description As shown to others. */
            name: string;
            /** @description A sales region; none where not given. */
            region?: string | null;
            /** @description What the person may do; at least one role. */
            roles: components["schemas"]["Role"][];
        };
        /**
         * @description What became of an item.
         * @enum {string}
         */
        Verdict: "applied" | "merged" | "duplicate" | "rejected" | "deferred";
        /**
         * @description The answer to a batch of votes.
         * @example {
         *       "changes": [],
         *       "clockOffsetMs": 500,
         *       "hasMore": false,
         *       "hlc": "2026-11-22T11:00:01.000Z-0000-5ca1ab1e0ddba11f",
         *       "lastSync": "2026-11-22T11:00:01.000002Z",
         *       "results": [
         *         {
         *           "code": null,
         *           "detail": null,
         *           "id": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *           "opId": "0195d0c0-7d5c-7010-8000-0123456789ab",
         *           "record": {
         *             "approverIds": [
         *               "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *               "63c7723e-4ec6-54f8-944d-6b027b18dc25"
         *             ],
         *             "basisAt": "2026-11-22T10:00:01.000005Z",
         *             "dissent": [],
         *             "id": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *             "level": 1,
         *             "quorum": 1,
         *             "request": {
         *               "amount": {
         *                 "currency": "EUR",
         *                 "minor": 125000
         *               },
         *               "categoryId": "95584a4a-b4a1-555a-889f-01b2878a888b",
         *               "departmentId": null,
         *               "id": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *               "justification": "Two days in Lyon.",
         *               "neededBy": "2026-12-01",
         *               "ownerId": "ed9a4c66-6399-5106-8ba6-8989adc786db",
         *               "ownerName": "Sam Sales",
         *               "reasonId": "17d6d397-91fb-5819-8f5a-cad5c4d89952",
         *               "region": "EMEA",
         *               "submittedAt": "2026-11-22T10:00:01.000002Z",
         *               "title": "Trade fair"
         *             },
         *             "requestId": "0195d0c0-7d5c-7000-8000-0123456789ab",
         *             "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *             "sealed": false,
         *             "sealsAt": "2026-11-23T23:00:01.000002Z",
         *             "status": "approved",
         *             "updatedAt": "2026-11-22T11:00:01.000002Z",
         *             "votes": [
         *               {
         *                 "acceptedAt": "2026-11-22T11:00:01.000002Z",
         *                 "approverId": "f1aa533b-6d19-5d62-b468-324a91d571a0",
         *                 "comment": "Agreed in the team.",
         *                 "hlc": "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b",
         *                 "vote": "approve"
         *               }
         *             ]
         *           },
         *           "retryable": false,
         *           "superseded": [],
         *           "updatedAt": "2026-11-22T11:00:01.000002Z",
         *           "verdict": "applied",
         *           "waitingFor": null
         *         }
         *       ],
         *       "serverTime": "2026-11-22T11:00:01.000002Z"
         *     }
         */
        VoteAnswer: {
            /** @description What changed since the batch's `lastSync`. */
            changes: components["schemas"]["ApprovalChange"][];
            /**
             * Format: int64
             * @description Server time minus `clientTime`, in milliseconds.
             */
            clockOffsetMs?: number | null;
            /** @description Whether to go on at `updates`. */
            hasMore: boolean;
            /** @description The server's clock, to be observed by the phone. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: date-time
             * @description Where the next pull goes on; null without a pull.
             */
            lastSync?: string | null;
            /** @description One an item, in order. */
            results: components["schemas"]["VoteResult"][];
            /**
             * Format: date-time
             * @description The server's time.
             */
            serverTime: string;
        };
        /**
         * @description A batch from an approver's queue.
         * @example {
         *       "changes": [
         *         {
         *           "comment": "Agreed in the team.",
         *           "hlc": "2026-11-22T11:00:00.000Z-0000-0817065f4e3d2c1b",
         *           "id": "5a4bb4a1-3ab1-5f4d-8cf0-1a40a3f0a1d7",
         *           "opId": "0195d0c0-7d5c-7010-8000-0123456789ab",
         *           "revision": "sha256:d63c16b2c26564ae13518eeae3ed603d0daa031dcb303f80dd618f4e0bc7d467",
         *           "type": "approve"
         *         }
         *       ],
         *       "clientTime": "2026-11-22T11:00:00.500000Z",
         *       "deviceId": "phone-7",
         *       "lastSync": null
         *     }
         */
        VoteBatch: {
            /** @description At most 500, in order. */
            changes: components["schemas"]["VoteChange"][];
            /**
             * Format: date-time
             * @description What the phone's clock says; the answer names the offset.
             */
            clientTime?: string | null;
            /** @description The phone. */
            deviceId?: string | null;
            /**
             * Format: date-time
             * @description Pull since this; null: everything; absent: no pull.
             */
            lastSync?: string | null;
            /**
             * Format: uuid
             * @description Whose queue it is; another's is refused whole.
             */
            userId?: string | null;
        };
        /** @description One vote of a batch. */
        VoteChange: {
            /** @description Why, at most 2,000 characters. */
            comment?: string | null;
            /** @description When, by the phone's clock. */
            hlc: components["schemas"]["Hlc"];
            /**
             * Format: uuid
             * @description The approval.
             */
            id: string;
            /**
             * Format: uuid
             * @description Names the operation, once a user.
             */
            opId: string;
            /** @description The revision that the approver saw. */
            revision: string;
            /** @description What is done. */
            type: components["schemas"]["VoteKind"];
        };
        /**
         * @description What an approver does.
         * @enum {string}
         */
        VoteKind: "approve" | "reject" | "rollback";
        /** @description The fate of one vote. */
        VoteResult: {
            /** @description Why it was refused. */
            code?: string | null;
            /** @description Why, for people. */
            detail?: string | null;
            /**
             * Format: uuid
             * @description The approval.
             */
            id?: string | null;
            /** @description As it was sent. */
            opId?: string | null;
            record?: components["schemas"]["Approval"] | null;
            /** @description Whether the same may succeed later. */
            retryable: boolean;
            /** @description `vote`, where a later one of the same approver stands. */
            superseded: string[];
            /**
             * Format: date-time
             * @description When the approval was last changed.
             */
            updatedAt?: string | null;
            /** @description What became of it. */
            verdict: components["schemas"]["Verdict"];
            waitingFor?: components["schemas"]["WaitingFor"] | null;
        };
        /**
         * @description Yes or no.
         * @enum {string}
         */
        VoteWord: "approve" | "reject";
        /** @description What a deferred item waits for. */
        WaitingFor: {
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description `op`, `category`, `reason` or `approval`. */
            kind: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
