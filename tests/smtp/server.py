"""A real SMTP server for tests: aiosmtpd with TLS and a password.

    server.py starttls|tls

Prints one line of JSON when it listens: its port, and the certificate authority of its certificate. Answers
each line of its input with the messages taken so far. Ends with its input.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

USER, PASSWORD = b"athena", b"p@ss"


class Handler:
    def __init__(self):
        self.taken = []
        self.seen = set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        name = address.split("@")[0]
        if name == "unknown":
            return f"550 5.1.1 <{address}>: no such user here"
        if name == "greylisted" and name not in self.seen:
            self.seen.add(name)
            return f"451 4.7.1 <{address}>: try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if any(address.startswith("spam@") for address in envelope.rcpt_tos):
            return "554 5.7.1 message refused"
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.taken.append({
            "tls": session.ssl is not None,
            "user": session.auth_data,
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": mail["subject"],
            "messageId": mail["message-id"],
            "autoSubmitted": mail["auto-submitted"],
            "body": mail.get_content(),
        })
        return "250 OK: queued as 4711"


def authenticate(server, session, envelope, mechanism, data):
    if (data.login, data.password) == (USER, PASSWORD):
        return AuthResult(success=True, auth_data=USER.decode())
    return AuthResult(success=False, handled=False)


async def main(from_first_byte):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    handler = Handler()
    loop = asyncio.get_running_loop()

    def connection():
        tls = {} if from_first_byte else {"tls_context": context, "require_starttls": True}
        return SMTP(
            handler,
            loop=loop,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=not from_first_byte,
            **tls,
        )

    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if from_first_byte else None)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "ca": authority.cert_pem.bytes().decode()}), flush=True)
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(handler.taken), flush=True)


asyncio.run(main(sys.argv[1] == "tls"))
