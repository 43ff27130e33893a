"""Request bodies and raw bytes that an attacker, or a broken program, would send.

Responsible for: the lists; each entry has a name for the test report. Never: states what to expect (the tests
do).
"""

import gzip
import json
from typing import Any

from tests.sample_answers import CARA, PAT, PAT_CONTACT, body

GOOD = body(CARA)
GOOD_BYTES = json.dumps(GOOD).encode()


def _with(**answers: Any) -> bytes:
    return json.dumps(GOOD | {"answers": CARA | answers}).encode()


def _spliced(value: bytes, name: bytes = b"pain_intensity") -> bytes:
    """A valid body with raw bytes as one answer."""
    return GOOD_BYTES.replace(b'"answers": {', b'"answers": {"%s": %s, ' % (name, value))


def _contact(**contact: Any) -> bytes:
    return json.dumps(body(PAT, contact=PAT_CONTACT | contact)).encode()


BODIES: dict[str, bytes] = {
    "lone surrogate value": _spliced(b'"\\ud800"'),
    "lone surrogate key": _spliced(b"1", b"\\udfff"),
    "lone surrogate in the questionnaire": json.dumps(GOOD | {"questionnaire": "\ud800"}).encode(),
    "lone surrogate in the language": json.dumps(GOOD | {"language": "\udc00"}).encode(),
    "lone surrogate in a name": _contact(name="\ud83d"),
    "surrogates the wrong way round": _contact(name="\ude00\ud83d"),
    "surrogate bytes": GOOD_BYTES.replace(b"25_44", b"\xed\xa0\x80"),
    "NaN": _spliced(b"NaN"),
    "Infinity": _spliced(b"-Infinity"),
    "1e400": _spliced(b"1e400"),
    "1e-400": _spliced(b"1e-400"),
    "-0": _spliced(b"-0"),
    "-0.0": _spliced(b"-0.0"),
    "5.0": _spliced(b"5.0"),
    "2**70": _spliced(str(2**70).encode()),
    "-2**63-1": _spliced(str(-(2**63) - 1).encode()),
    "5000 digits": _spliced(b"9" * 5000),
    "5000 digits after the point": _spliced(b"0." + b"1" * 5000),
    "a huge exponent": _spliced(b"1e99999999999"),
    "leading zeros": _spliced(b"007"),
    "hexadecimal": _spliced(b"0x10"),
    "900 deep array": _spliced(b"[" * 900 + b"]" * 900),
    "900 deep object": _spliced(b'{"a":' * 900 + b"1" + b"}" * 900),
    "30000 brackets": b"[" * 30000,
    "brackets in a string": _contact(name="[{" * 40),
    "unbalanced": b"]" * 100 + GOOD_BYTES,
    "not UTF-8": GOOD_BYTES.replace(b"25_44", b"\xff\xfe"),
    "overlong UTF-8": GOOD_BYTES.replace(b"25_44", b"\xc0\xaf"),
    "UTF-16": GOOD_BYTES.decode().encode("utf-16"),
    "UTF-32": GOOD_BYTES.decode().encode("utf-32"),
    "BOM": b"\xef\xbb\xbf" + GOOD_BYTES,
    "NUL value": _with(age_band="25\x0044"),
    "NUL in a name": _contact(name="a\x00b"),
    "NUL key": _with(**{"\x00": 1}),
    "NUL byte": GOOD_BYTES.replace(b"25_44", b"25\x0044"),
    "NUL in a booking reference": json.dumps(GOOD | {"booking_reference": "a\x00"}).encode(),
    "a newline after a reference": json.dumps(GOOD | {"booking_reference": "a\n"}).encode(),
    "duplicate answer": _spliced(b'1, "pain_intensity": 2'),
    "duplicate answers": GOOD_BYTES[:-1] + b', "answers": {}}',
    "duplicate by escape": GOOD_BYTES[:-1] + b', "answer\\u0073": {}}',
    "empty": b"",
    "blank": b" \r\n\t",
    "array": b"[]",
    "number": b"7",
    "string": b'"answers"',
    "null": b"null",
    "true": b"true",
    "empty object": b"{}",
    "cut off": GOOD_BYTES[:-20],
    "twice": GOOD_BYTES * 2,
    "trailing comma": GOOD_BYTES[:-1] + b",}",
    "a comment": b"/* hello */" + GOOD_BYTES,
    "single quotes": GOOD_BYTES.replace(b'"', b"'"),
    "__proto__": _spliced(b'{"admin": true}', b"__proto__"),
    "constructor": json.dumps(GOOD | {"constructor": {"prototype": {}}}).encode(),
    "__class__": _spliced(b'"x"', b"__class__"),
    "answers as a list": json.dumps(GOOD | {"answers": [1, 2]}).encode(),
    "answers as text": json.dumps(GOOD | {"answers": json.dumps(CARA)}).encode(),
    "every answer a list": _with(**{name: [[]] for name in CARA}),
    "every answer an object": _with(**{name: {"$ne": None} for name in CARA}),
    "every answer true": _with(**dict.fromkeys(CARA, True)),
    "every answer 1": _with(**dict.fromkeys(CARA, 1)),
    "5000 options": _with(visit_reason=["low_mood"] * 5000),
    "a list of lists": _with(visit_reason=[["low_mood"]]),
    "3000 unknown answers": _with(**{f"q{number}": number for number in range(3000)}),
    "pointer characters": _with(**{"a/b~c~1": 1, "": 2, "~": 3}),
    "a key of 30 kB": _with(**{"k" * 30000: 1}),
    "a name of 60 kB": _contact(name="n" * 50000),
    "digits of other scripts": _contact(phone="٠١٢٣٤٥٦٧٨"),
    "an address for a header": _contact(email="a@b.cd\r\nBcc: x@y.zz"),
    "SQL": _contact(name="'; DROP TABLE submissions; --"),
    "a template": _contact(name="{{ 7*7 }} ${7*7} %s %n <script>alert(1)</script>"),
    "right to left": _contact(name="\u202egnp.exe\u2066\ufeff"),
    "true for test": json.dumps(GOOD | {"test": 1}).encode(),
    "status of its own": json.dumps(GOOD | {"status": "closed"}).encode(),
    "an id of its own": json.dumps(GOOD | {"id": "1", "access_token": "x", "version": 9}).encode(),
    "an edition from elsewhere": json.dumps(GOOD | {"edition": "../../../etc/passwd"}).encode(),
    "gzip": gzip.compress(GOOD_BYTES),
}
KINDS = {  # content types (and encodings) for a valid body
    "none": {"content_type": ""},
    "form": {"content_type": "application/x-www-form-urlencoded"},
    "multipart": {"content_type": "multipart/form-data; boundary=x"},
    "text": {"content_type": "text/plain"},
    "xml": {"content_type": "application/xml"},
    "almost": {"content_type": "application/jsonx"},
    "patch": {"content_type": "application/merge-patch+json"},
    "nonsense": {"content_type": ";;;=\t,"},
    "latin": {"content_type": "application/json; charset=latin-1"},
    "gzip": {"content_type": "application/json", "content_encoding": "gzip"},
    "endless": {"content_type": "a" * 8000},
}


def _raw(*lines: str, more: bytes = b"") -> bytes:
    return "\r\n".join((*lines, "", "")).encode("latin-1") + more


_POST = ("POST /v1/submissions HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json")
_GET = ("GET /v1/questionnaires HTTP/1.1", "Host: 127.0.0.1")
SMUGGLED = b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
_CHUNKED = b"0\r\n\r\n" + SMUGGLED
FOREIGN = "foreign.example"

REFUSED: dict[str, bytes] = {  # 4xx, 501, or the connection is closed without a response
    "CL and TE": _raw(*_POST, "Content-Length: 5", "Transfer-Encoding: chunked", more=_CHUNKED),
    "TE and CL": _raw(*_POST, "Transfer-Encoding: chunked", "Content-Length: 5", more=_CHUNKED),
    "CL and TE in odd case": _raw(*_POST, "content-length: 5", "TRANSFER-encoding: CHUNKED", more=_CHUNKED),
    "two lengths": _raw(*_POST, "Content-Length: 0", "Content-Length: 44", more=SMUGGLED),
    "a list of lengths": _raw(*_POST, "Content-Length: 0, 44", more=SMUGGLED),
    "negative length": _raw(*_POST, "Content-Length: -1", more=SMUGGLED),
    "signed length": _raw(*_POST, "Content-Length: +0", more=SMUGGLED),
    "hexadecimal length": _raw(*_POST, "Content-Length: 0x0", more=SMUGGLED),
    "endless length": _raw(*_POST, f"Content-Length: {'9' * 40}", more=SMUGGLED),
    "wordy length": _raw(*_POST, "Content-Length: none", more=SMUGGLED),
    "chunked is not last": _raw(*_POST, "Transfer-Encoding: chunked, identity", more=_CHUNKED),
    "another coding": _raw(*_POST, "Transfer-Encoding: gzip", more=_CHUNKED),
    "a vertical tab before chunked": _raw(*_POST, "Transfer-Encoding: \x0bchunked", more=_CHUNKED),
    "no chunk size": _raw(*_POST, "Transfer-Encoding: chunked", more=b"zz\r\n\r\n" + SMUGGLED),
    "negative chunk": _raw(*_POST, "Transfer-Encoding: chunked", more=b"-1\r\n\r\n" + SMUGGLED),
    "endless chunk": _raw(*_POST, "Transfer-Encoding: chunked", more=b"f" * 20 + b"\r\n" + SMUGGLED),
    "chunk without its end": _raw(*_POST, "Transfer-Encoding: chunked", more=b"1\r\nab\r\n" + _CHUNKED),
    "space before the colon": _raw(*_GET, "Content-Length : 44", more=SMUGGLED),
    "NUL in a header": _raw(*_GET, "X-A: a\x00b"),
    "bare CR in a header": _raw(*_GET, "X-A: a\rX-B: b"),
    "two hosts": _raw(*_GET, f"Host: {FOREIGN}"),
    "no host": _raw("GET /v1/questionnaires HTTP/1.1"),
    "no name": _raw(*_GET, ": value"),
    "a target with a space": _raw("GET /livez /livez HTTP/1.1", "Host: 127.0.0.1"),
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": _raw("GET /livez HTTP/9.9", "Host: 127.0.0.1"),
    "TLS": bytes.fromhex("1603010200010001fc0303") + bytes(range(256)) * 2,
    "noise": bytes(range(256)) * 40,
    "CONNECT": _raw(f"CONNECT {FOREIGN}:443 HTTP/1.1", f"Host: {FOREIGN}:443"),
    "TRACE": _raw("TRACE /v1/questionnaires HTTP/1.1", "Host: 127.0.0.1", "X-Secret: 1"),
    "headers of 2 MB": _raw(*_GET, *(f"X-{number}: {'h' * 1000}" for number in range(2000))),
    "a target of 1 MB": _raw(f"GET /{'t' * 10**6} HTTP/1.1", "Host: 127.0.0.1"),
    "10 MB announced": _raw(*_POST, "Content-Length: 10000000", "Expect: 100-continue"),
}
BORNE: dict[str, bytes] = {  # any regular response except 5xx, one for each request
    "absolute form": _raw(f"GET http://{FOREIGN}/v1/questionnaires HTTP/1.1", f"Host: {FOREIGN}"),
    "foreign host": _raw("GET / HTTP/1.1", f"Host: {FOREIGN}"),
    "foreign host, trailing slash": _raw("GET /v1/questionnaires/ HTTP/1.1", f"Host: {FOREIGN}"),
    "forwarded host": _raw(*_GET, f"X-Forwarded-Host: {FOREIGN}", f"Forwarded: host={FOREIGN}"),
    "address of another path": _raw(*_GET, "X-Original-URL: /metrics", "X-Rewrite-URL: /metrics"),
    "a host as path": _raw(f"GET //{FOREIGN}/ HTTP/1.1", "Host: 127.0.0.1"),
    "an @ in the path": _raw(f"GET /@{FOREIGN} HTTP/1.1", "Host: 127.0.0.1"),
    "header in the path": _raw("GET /%0d%0aX-Injected:%20yes HTTP/1.1", "Host: 127.0.0.1"),
    "header in a parameter": _raw(
        "GET /v1/questionnaires/%0d%0aX-Injected:%20yes/answer-schema HTTP/1.1", "Host: 127.0.0.1"
    ),
    "out of the static files": _raw("GET /static/../../settings.py HTTP/1.1", "Host: 127.0.0.1"),
    "out of the static files, encoded": _raw(
        "GET /static/%2e%2e/%2e%2e%2fsettings.py HTTP/1.1", "Host: 127.0.0.1"
    ),
    "NUL in a static path": _raw("GET /static/%00 HTTP/1.1", "Host: 127.0.0.1"),
    "a static path of 5000": _raw(f"GET /static/{'a' * 5000} HTTP/1.1", "Host: 127.0.0.1"),
    "many ranges": _raw(
        "GET /static/docs.js HTTP/1.1", "Host: 127.0.0.1", f"Range: bytes={','.join(['0-1'] * 3000)}"
    ),
    "OPTIONS *": _raw("OPTIONS * HTTP/1.1", "Host: 127.0.0.1"),
    "websocket": _raw(
        *_GET,
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: eA==",
        "Sec-WebSocket-Version: 13",
    ),
    "h2c": _raw(*_GET, "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"),
    "HTTP/1.0": _raw("GET /livez HTTP/1.0"),
    "bare line feeds": b"GET /livez HTTP/1.1\nHost: 127.0.0.1\n\n",
    "odd accept": _raw(*_GET, "Accept: */*;q=nan", "Accept-Language: *;q=1e999,,;;=", "If-None-Match: W/,*"),
    "500 headers": _raw(*_GET, *(f"X-{number}: 1" for number in range(500))),
    "two at once": SMUGGLED + SMUGGLED,
}
