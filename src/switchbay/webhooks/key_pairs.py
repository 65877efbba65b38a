"""Reading a client certificate and its key, and checking that they can be used together.

A chain is PEM (RFC 7468), the client's own certificate first, each signed by the next. Keys come from strangers and are
checked before they are used. For RSA the numbers are compared with each other here, and a signature is tried: what the
library does instead looks for primes, half a second long, in which the program does nothing else.
"""

import re
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from switchbay.webhooks import errors

_MOST_CERTIFICATES = 8
_RSA_BITS = range(2048, 4097)
_LEAST_EXPONENT = 3
_MOST_NAME_CHARACTERS = 500
_KEY = re.compile(rb"-----BEGIN ([A-Z ]{0,20}PRIVATE KEY)-----(?:[^-]|-(?!-)){0,8192}-----END \1-----")
_SIGNED = b"Do they belong together?"

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A chain and its key, checked and written anew, and what the certificate says. Times are epoch milliseconds."""

    chain: bytes
    private_key: bytes = field(repr=False)
    subject: str
    issuer: str
    fingerprint: str
    not_before: int
    not_after: int


def read_pair(chain: bytes, private_key: bytes, now: int) -> Pair:
    """Read a PEM chain and a PEM key that can be used at ``now``. Raises ``client_certificate_refused``."""
    certificates = _read_chain(chain)
    leaf = certificates[0]
    key = _read_key(private_key)
    try:
        _check_chain(certificates)
        _check_use(leaf)
        belongs = _belongs(leaf, key)
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        raise errors.client_certificate_refused("the certificate cannot be read") from error
    if not belongs:
        raise errors.client_certificate_refused("the key is not that of the first certificate")
    not_before, not_after = _ms(leaf.not_valid_before_utc), _ms(leaf.not_valid_after_utc)
    if not_after <= now:
        raise errors.client_certificate_refused("the certificate has expired")
    if not_before > now:
        raise errors.client_certificate_refused("the certificate is not valid yet")
    return Pair(
        b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates),
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        _name(leaf.subject),
        _name(leaf.issuer),
        leaf.fingerprint(hashes.SHA256()).hex(),
        not_before,
        not_after,
    )


def _read_chain(chain: bytes) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise errors.client_certificate_refused("there is no certificate in PEM form") from error
    if len(certificates) > _MOST_CERTIFICATES:
        raise errors.client_certificate_refused(f"there are more than {_MOST_CERTIFICATES} certificates")
    return certificates


def _read_key(text: bytes) -> _Key:
    found = _KEY.search(text)
    if found is None:
        raise errors.client_certificate_refused("there is no private key in PEM form")
    try:
        key = serialization.load_pem_private_key(found[0], password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise errors.client_certificate_refused("the key is encrypted") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise errors.client_certificate_refused("there is no private key in PEM form") from error
    if not isinstance(key, _Key):
        raise errors.client_certificate_refused("the key is neither RSA, nor of an elliptic curve, nor Ed25519")
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size not in _RSA_BITS:
            raise errors.client_certificate_refused("the RSA key has fewer than 2048 or more than 4096 bits")
        if not _is_sound(key.private_numbers()):
            raise errors.client_certificate_refused("the numbers of the RSA key do not fit together")
    return key


def _is_sound(key: rsa.RSAPrivateNumbers) -> bool:
    """Whether a key's numbers are what RFC 8017 §3.2 says, primes aside: those show when something is signed."""
    n, e = key.public_numbers.n, key.public_numbers.e
    p, q, d = key.p, key.q, key.d
    return (
        p > 1
        and q > 1
        and p * q == n
        and n % 2 == 1
        and e % 2 == 1
        and _LEAST_EXPONENT <= e < n
        and 0 < d < n
        and (d * e - 1) % (p - 1) == 0
        and (d * e - 1) % (q - 1) == 0
        and key.dmp1 == d % (p - 1)
        and key.dmq1 == d % (q - 1)
        and 0 < key.iqmp < p
        and key.iqmp * q % p == 1
    )


def _check_chain(certificates: list[x509.Certificate]) -> None:
    for place, each in enumerate(certificates[1:]):
        try:
            certificates[place].verify_directly_issued_by(each)
        except (ValueError, TypeError, InvalidSignature) as error:
            raise errors.client_certificate_refused("a certificate is not signed by the one behind it") from error


def _check_use(leaf: x509.Certificate) -> None:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return
    if not {ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage):
        raise errors.client_certificate_refused("the certificate is not for clients")


def _belongs(leaf: x509.Certificate, key: _Key) -> bool:
    """Whether the certificate's key accepts what this one signs."""
    public_key = leaf.public_key()
    if public_key != key.public_key():
        return False
    try:
        if isinstance(key, rsa.RSAPrivateKey) and isinstance(public_key, rsa.RSAPublicKey):
            signature = key.sign(_SIGNED, padding.PKCS1v15(), hashes.SHA256())
            public_key.verify(signature, _SIGNED, padding.PKCS1v15(), hashes.SHA256())
        elif isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(public_key, ec.EllipticCurvePublicKey):
            public_key.verify(key.sign(_SIGNED, ec.ECDSA(hashes.SHA256())), _SIGNED, ec.ECDSA(hashes.SHA256()))
        elif isinstance(key, ed25519.Ed25519PrivateKey) and isinstance(public_key, ed25519.Ed25519PublicKey):
            public_key.verify(key.sign(_SIGNED), _SIGNED)
        else:
            return False
    except (InvalidSignature, ValueError):
        return False
    return True


def _name(name: x509.Name) -> str:
    return name.rfc4514_string().replace("\x00", "\ufffd")[:_MOST_NAME_CHARACTERS]


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
