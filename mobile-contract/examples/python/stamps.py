"""Stamps of the hybrid logical clock, ids and times, as they are written."""
import datetime
import secrets
import time
import uuid

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def uuid7(now_ms=None):
    bits = (now_ms or time.time_ns() // 1_000_000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62
    return str(uuid.UUID(int=bits | secrets.randbits(62)))


def rfc3339(ms):
    return f"{EPOCH + datetime.timedelta(seconds=ms // 1000):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03}Z"


def stamp_text(at, node):
    """A stamp from milliseconds << 16 | counter and the node's 16 digits."""
    return f"{rfc3339(at >> 16)}-{at & 0xFFFF:04x}-{node}"


def stamp_time(stamp):
    """Milliseconds << 16 | counter of a stamp."""
    since = datetime.datetime.fromisoformat(stamp[:23] + "+00:00") - EPOCH
    return since // datetime.timedelta(milliseconds=1) << 16 | int(stamp[25:29], 16)
