"""Prints the mails of a maildir as JSON, as Python's email package reads them."""

import email
import email.policy
import hashlib
import json
import pathlib
import sys


def header(message, name):
    # Python before 3.13 keeps the blank of a field that is folded right after
    # its colon.
    return str(message.get(name, "")).lstrip(" ")


def defects(message):
    found = [f"{part.get_content_type()}: {d!r}" for part in message.walk() for d in part.defects]
    return found + [f"{k}: {d!r}" for k, v in message.items() for d in getattr(v, "defects", ())]


def content(message, kind):
    part = message.get_body(preferencelist=(kind,))
    return part.get_content(errors="strict") if part else ""


def reading(path):
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    return {
        "messageID": header(message, "Message-ID"),
        "subject": header(message, "Subject"),
        "from": header(message, "From"),
        "to": header(message, "To"),
        "references": header(message, "References"),
        "inReplyTo": header(message, "In-Reply-To"),
        "text": content(message, "plain"),
        "html": content(message, "html"),
        "files": {
            part.get_filename(): hashlib.sha256(part.get_payload(decode=True)).hexdigest()
            for part in message.iter_attachments()
        },
        "defects": defects(message),
    }


json.dump([reading(p) for p in sorted(pathlib.Path(sys.argv[1], "new").iterdir())], sys.stdout)
