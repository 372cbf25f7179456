#!/usr/bin/env python3
"""A signer for tiergate: one request a line, one answer a line, both JSON.

    {"id": 1, "algorithm": "sm2-sm3", "user_id": "1234567812345678", "data": "BASE64"}
    {"id": 1, "signature": "BASE64"}        r and s, 32 bytes each (Ed25519: 64 bytes; RSA: PKCS#1)
    {"id": 1, "error": "why not"}           said to the operator as it stands

With a cipher machine or card (密码机、密码卡) in the manner of SDF (GM/T 0018), SM2 only:

    sdf.py --library /opt/vendor/libsdf.so --index 1 --password-file /etc/tiergate/sdf.pass

With a key file, by OpenSSL 3, to try it and for the tests:

    sdf.py --soft node.key

Take it as a beginning: your maker's handbook says which library, index and password are yours.
"""

import argparse
import base64
import ctypes
import json
import subprocess
import sys
import tempfile

SGD_SM3 = 0x00000001
ECC_BYTES = 64  # ECCref_MAX_LEN: numbers stand at the end of 64 bytes


class PublicKey(ctypes.Structure):
    _fields_ = [("bits", ctypes.c_uint), ("x", ctypes.c_ubyte * ECC_BYTES), ("y", ctypes.c_ubyte * ECC_BYTES)]


class Signature(ctypes.Structure):
    _fields_ = [("r", ctypes.c_ubyte * ECC_BYTES), ("s", ctypes.c_ubyte * ECC_BYTES)]


class Sdf:
    """A device behind an SDF library, its session open as long as the program runs."""

    def __init__(self, library, index, password):
        self.sdf = ctypes.CDLL(library)
        self.index = ctypes.c_uint(index)
        device, self.session = ctypes.c_void_p(), ctypes.c_void_p()
        self.call("SDF_OpenDevice", ctypes.byref(device))
        self.call("SDF_OpenSession", device, ctypes.byref(self.session))
        if password:
            self.call("SDF_GetPrivateKeyAccessRight", self.session, self.index, password, ctypes.c_uint(len(password)))

    def call(self, name, *arguments):
        code = getattr(self.sdf, name)(*arguments)
        if code != 0:
            raise RuntimeError(f"{name} answered 0x{code & 0xFFFFFFFF:08X}")

    def sign(self, algorithm, user_id, data):
        if algorithm != "sm2-sm3":
            raise RuntimeError(f"this device signs sm2-sm3, not {algorithm}")
        public, digest, size, made = PublicKey(), ctypes.create_string_buffer(32), ctypes.c_uint(32), Signature()
        self.call("SDF_ExportSignPublicKey_ECC", self.session, self.index, ctypes.byref(public))
        # The device begins the digest with the signer's id and public key (Z).
        self.call("SDF_HashInit", self.session, ctypes.c_uint(SGD_SM3), ctypes.byref(public), user_id, ctypes.c_uint(len(user_id)))
        self.call("SDF_HashUpdate", self.session, data, ctypes.c_uint(len(data)))
        self.call("SDF_HashFinal", self.session, digest, ctypes.byref(size))
        self.call("SDF_InternalSign_ECC", self.session, self.index, digest, size, ctypes.byref(made))
        return bytes(made.r)[-32:] + bytes(made.s)[-32:]


class Soft:
    """A key file, signed with by OpenSSL."""

    def __init__(self, key):
        self.key = key

    def sign(self, algorithm, user_id, data):
        options = {
            "sm2-sm3": ["-digest", "sm3", "-pkeyopt", "distid:" + user_id.decode()],
            "ecdsa-p256-sha256": ["-digest", "sha256"],
            "ed25519-sha256": [],
            "rsa-sha256": ["-digest", "sha256"],
        }[algorithm]
        with tempfile.NamedTemporaryFile() as text:
            text.write(data)
            text.flush()
            command = ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", text.name]
            done = subprocess.run(command + options, capture_output=True, check=False)
        if done.returncode != 0:
            raise RuntimeError("openssl: " + done.stderr.decode(errors="replace").strip().splitlines()[-1])
        if algorithm in ("sm2-sm3", "ecdsa-p256-sha256"):
            return both(done.stdout)
        return done.stdout


def both(der):
    """r and s out of SEQUENCE { INTEGER, INTEGER }, 32 bytes each."""
    numbers, at = b"", 2
    for _ in range(2):
        size = der[at + 1]
        number = der[at + 2 : at + 2 + size].lstrip(b"\0")
        numbers += number.rjust(32, b"\0")
        at += 2 + size
    return numbers


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--soft", metavar="KEY")
    arguments.add_argument("--library")
    arguments.add_argument("--index", type=int, default=1)
    arguments.add_argument("--password-file")
    given = arguments.parse_args()
    if given.soft:
        device = Soft(given.soft)
    else:
        password = open(given.password_file, "rb").read().strip() if given.password_file else b""
        device = Sdf(given.library, given.index, password)
    for line in sys.stdin:
        request = json.loads(line)
        answer = {"id": request["id"]}
        try:
            data = base64.b64decode(request["data"])
            made = device.sign(request["algorithm"], request["user_id"].encode(), data)
            answer["signature"] = base64.b64encode(made).decode()
        except Exception as error:  # whatever it is, the operator is told, and the next one is tried
            answer["error"] = str(error)
        print(json.dumps(answer), flush=True)


main()
