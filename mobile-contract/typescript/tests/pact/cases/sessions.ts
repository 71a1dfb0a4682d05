import { MatchersV3 } from '@pact-foundation/pact'
import { describe, expect, test } from 'vitest'
import {
  answerOf,
  batchOf,
  contract,
  type Exchange,
  fate,
  ofState,
  problem,
  token,
  uuid,
} from '../contract.js'
import { PactPhone, USER } from '../phone.js'

const { eachLike, equal, integer, string } = MatchersV3
const SALES = 'a sales person'

/** What the client keeps of a session. */
function session(accessToken: string) {
  return {
    status: 200,
    body: {
      accessToken: string(accessToken),
      refreshToken: string('refresh-2'),
      expiresIn: integer(900),
      tokenType: equal('Bearer'),
      user: { id: uuid(USER.id), name: string('Sam'), roles: eachLike('sales') },
    },
  }
}

function login(answer: Exchange['answer'], receiving: string, password: unknown): Exchange {
  return {
    given: SALES,
    receiving,
    method: 'POST',
    path: '/api/v1/auth/login',
    signedIn: false,
    body: { email: ofState('email', 'sam@example.com'), password, deviceId: string('phone-1') },
    answer,
  }
}

export function sessions(): void {
  describe('sessions', () => {
    test('somebody signs in', async () => {
      const phone = await PactPhone.open(1)
      const right = login(session('access'), 'a login', ofState('password', 'correct horse'))
      await contract(phone, [right], async () => {
        expect(await phone.client.login('sam@example.com', 'correct horse')).toMatchObject({ id: USER.id })
      })
      expect(phone.client.status().user).toEqual({ id: USER.id, name: 'Sam' })
    })

    test('a wrong password is refused, and says so', async () => {
      const phone = await PactPhone.open(2)
      const wrong = login(problem(401, 'invalid_credentials'), 'a login with a wrong password', 'wrong horse')
      await contract(phone, [wrong], async () => {
        await expect(phone.client.login('sam@example.com', 'wrong horse')).rejects.toMatchObject({
          status: 401,
          code: 'invalid_credentials',
        })
      })
    })

    test('an expired token is refreshed, and the push goes again as it was', async () => {
      const phone = await PactPhone.signedIn(3)
      await phone.client.requests.create({ title: 'Trade fair' })
      const push = { method: 'POST', path: '/api/v1/requests/sync', body: batchOf(phone) } as const
      const expired: Exchange = {
        ...push,
        given: 'a sales person whose access token has expired',
        receiving: 'a push with an expired token',
        headers: { authorization: token('access') },
        answer: problem(401, 'token_expired'),
      }
      const refresh: Exchange = {
        given: SALES,
        receiving: 'a refresh',
        method: 'POST',
        path: '/api/v1/auth/refresh',
        signedIn: false,
        body: { refreshToken: ofState('refreshToken', 'refresh') },
        answer: session('renewed'),
      }
      const again: Exchange = {
        ...push,
        given: SALES,
        receiving: 'the same push with the new token',
        headers: { authorization: token('renewed') },
        answer: { status: 200, body: answerOf([fate(phone, 'applied')]) },
      }
      await contract(phone, [expired, refresh, again], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'idle', queued: 0, error: null })
      })
      expect(phone.calls.map((call) => call.headers.authorization)).toEqual([
        'Bearer access',
        undefined,
        'Bearer renewed',
      ])
      expect(phone.calls[2]?.body).toBe(phone.calls[0]?.body)
    })

    test('a session that has ended asks for a login, and the queue stays', async () => {
      const phone = await PactPhone.signedIn(4)
      await phone.client.requests.create({ title: 'Trade fair' })
      const revoked: Exchange = {
        given: 'a sales person who has signed out',
        receiving: 'a push of a session that has ended',
        method: 'POST',
        path: '/api/v1/requests/sync',
        body: batchOf(phone),
        answer: problem(401, 'session_revoked'),
      }
      await contract(phone, [revoked], async () => {
        expect(await phone.client.sync()).toMatchObject({ phase: 'signed_out', queued: 1 })
      })
    })

    test('somebody signs out', async () => {
      const phone = await PactPhone.signedIn(5)
      const out: Exchange = {
        given: SALES,
        receiving: 'a logout',
        method: 'POST',
        path: '/api/v1/auth/logout',
        signedIn: false,
        body: { refreshToken: ofState('refreshToken', 'refresh') },
        answer: { status: 204 },
      }
      await contract(phone, [out], () => phone.client.logout())
      expect(phone.client.status().phase).toBe('signed_out')
    })
  })
}
