"""Hands on a capability that reads one object and nothing else, for ten minutes, and then takes it back.

    python share_read_only.py [--host 127.0.0.1] [--port 8080] [--data-dir DIR]
"""

import argparse
from datetime import timedelta

from pangea_client import Client, Denied, Session

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=8080)
parser.add_argument("--data-dir")
options = parser.parse_args()


def untrusted_plugin(session: Session, link: str) -> int:
    """Code that may read this, and whatever it tries, nothing more."""
    with session.open(link) as report:
        words = len(report.read().split())
    for attempt in (lambda: session.put(b"mine now", "plugin"), lambda: session.remove(link), session.status):
        try:
            attempt()
        except Denied as refusal:
            print("refused:", refusal.message)
    return words


with Client.connect(options.host, options.port, data_dir=options.data_dir) as client:
    report = client.put(b"four words, no more", "report.txt")
    session, revoker = client.narrow(read=True, only_objects=[report.root], expires_in=timedelta(minutes=10))
    print("words:", untrusted_plugin(session, report.link))

    revoker.revoke()
    try:
        session.get(report.link)
    except Denied as refusal:
        print("after the revocation:", refusal.message)
    client.remove(report.root)
