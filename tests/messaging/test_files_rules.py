"""Files without I/O: addresses, types, ranges, and who may have what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from switchbay.messaging.domain import AgentCaller, ConsumerCaller, Open, SystemCaller
from switchbay.messaging.domain.decide import opened
from switchbay.messaging.files.addresses import is_signed, make_address
from switchbay.messaging.files.detection import Detector
from switchbay.messaging.files.domain import (
    FileState,
    FileType,
    StoredFile,
    is_type_allowed,
    may_download,
    may_send,
    read_path,
    read_size,
    relative_path,
)
from switchbay.messaging.files.ranges import Unsatisfiable, parse_range

KEY, OLD = b"k" * 32, b"o" * 32
FILE = "0123456789abcdef0123456789abcdef01234567"
PATH = relative_path("4711001", FILE)


# Addresses


def test_an_address_is_signed_like_swift_signs_temporary_ones() -> None:
    made = make_address([KEY, OLD], "PUT", PATH, 1_700_000_060)
    assert made.query == {
        "temp_url_sig": "56c8a4ad40c27162eec45c7f95f9db85e01e35b06af1f0a26d26ff67abf12335",
        "temp_url_expires": "1700000060",
    }
    assert made.relative_path == "/v1/AUTH_async-images/4711001/" + FILE


def test_an_address_opens_until_its_last_second() -> None:
    made = make_address([KEY], "GET", PATH, 100)
    assert is_signed([KEY], "GET", PATH, made.temp_url_sig, "100", 99)
    assert not is_signed([KEY], "GET", PATH, made.temp_url_sig, "100", 100)


def test_an_address_opens_nothing_but_what_it_was_made_for() -> None:
    made = make_address([KEY], "GET", PATH, 100)
    assert not is_signed([KEY], "PUT", PATH, made.temp_url_sig, "100", 1)
    assert not is_signed([KEY], "GET", PATH + "/preview", made.temp_url_sig, "100", 1)
    assert not is_signed([KEY], "GET", relative_path("4711002", FILE), made.temp_url_sig, "100", 1)
    assert not is_signed([KEY], "GET", PATH, made.temp_url_sig, "101", 1)


def test_a_master_key_that_was_rotated_still_opens() -> None:
    made = make_address([OLD], "GET", PATH, 100)
    assert is_signed([KEY, OLD], "GET", PATH, made.temp_url_sig, "100", 1)
    assert not is_signed([KEY], "GET", PATH, made.temp_url_sig, "100", 1)


@given(st.text(), st.text())
def test_no_text_opens_by_chance_or_breaks_the_check(signature: str, expires: str) -> None:
    assert not is_signed([KEY], "GET", PATH, signature, expires, 1)


@pytest.mark.parametrize("expires", ["", "0", "-1", "1e3", " 100", "100 ", "0100", "١٠٠", "1" * 13])
def test_an_expiry_is_written_in_one_way(expires: str) -> None:
    right = make_address([KEY], "GET", PATH, 100).temp_url_sig
    assert not is_signed([KEY], "GET", PATH, right, expires, 1)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (PATH, FILE),
        (relative_path("4711002", FILE), None),
        ("/v1/AUTH_async-images/4711001/" + FILE.upper(), None),
        ("/v1/AUTH_async-images/4711001/../4711001/" + FILE, None),
        (PATH + "/", None),
        (PATH + "\n", None),
        ("https://elsewhere.example" + PATH, None),
        ("", None),
        (None, None),
        ({}, None),
    ],
)
def test_a_path_names_a_file_of_the_account_or_nothing(path: object, found: str | None) -> None:
    assert read_path(path, "4711001") == found


# Sizes and types


@pytest.mark.parametrize(
    ("given_size", "size"),
    [
        (5, 5),
        ("5", 5),
        ("0005", 5),
        (0, 0),
        (-1, -1),
        (True, None),
        (1.0, None),
        ("1.0", None),
        ("٣", None),
        (None, None),
    ],
)
def test_a_size_is_a_number_or_its_digits(given_size: object, size: int | None) -> None:
    assert read_size(given_size) == size


def test_types_are_announced_in_any_case_and_under_their_other_names() -> None:
    images = frozenset({FileType.JPEG, FileType.PNG})
    assert all(is_type_allowed(name, images) for name in ("JPEG", "jpg", "Png", "IMG"))
    assert not any(is_type_allowed(name, images) for name in ("GIF", "PDF", "EXE", "", 1, None, ["PNG"]))
    assert not is_type_allowed("IMG", frozenset({FileType.PDF}))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", FileType.JPEG),
        (b"\x89PNG\r\n\x1a\n\x00", FileType.PNG),
        (b"GIF87a\x00", FileType.GIF),
        (b"GIF89a\x00", FileType.GIF),
        (b"%PDF-1.4\x00", FileType.PDF),
        ("Grüße\r\n\t\x1b[1m".encode(), FileType.TXT),
        (b"\xef\xbb\xbftext", FileType.TXT),
        (b"<svg onload='alert(1)'>", FileType.TXT),
        (b"MZ\x90\x00", None),
        (b"\x7fELF", None),
        (b"PK\x03\x04", None),
        (b"Gr\xfc\xdfe", None),
        ("cut in a letter: ü".encode()[:-1], None),
        (b"a\x00b", None),
        (b"\x89PN", None),
    ],
)
def test_the_bytes_say_what_a_file_is_however_they_are_cut(content: bytes, found: FileType | None) -> None:
    for step in (1, 3, len(content)):
        detector = Detector()
        for start in range(0, len(content), step):
            detector.feed(content[start : start + step])
        assert detector.type() == found


# Ranges


@pytest.mark.parametrize(
    ("header", "part"),
    [
        (None, None),
        ("bytes=0-0", (0, 1)),
        ("bytes=2-", (2, 10)),
        ("Bytes = 2-4", (2, 5)),
        ("bytes=2-99", (2, 10)),
        ("bytes=-3", (7, 10)),
        ("bytes=-99", (0, 10)),
        ("bytes=4-2", None),
        ("bytes=0-1,3-4", None),
        ("items=0-1", None),
        ("bytes=", None),
        ("bytes=-", None),
        ("bytes=0-1" + "0" * 20, None),
    ],
)
def test_a_range_is_the_part_it_names_or_is_passed_over(header: str | None, part: tuple[int, int] | None) -> None:
    assert parse_range(header, 10) == part


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=11-12", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_given(header: str) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, 10)


@given(st.text(alphabet="bytes=0123456789-, "), st.integers(1, 1_000))
def test_a_part_is_never_empty_nor_outside(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part[0] < part[1] <= size


# Who may


KIM, LEE = ConsumerCaller("app", "kim"), ConsumerCaller("app", "lee")
KIM_ELSEWHERE, KIM_ALONE = ConsumerCaller("other", "kim"), ConsumerCaller(None, "kim")
BOB = AgentCaller("bob")
CONVERSATION = opened(Open("-1", "NORMAL", 600), KIM, "4711001", "c1", "{}", 1).conversation


def file(*, by: str = "kim", of: str | None = None, private: bool = False) -> StoredFile:
    by_consumer = by != "bob"
    return StoredFile(
        "4711001",
        FILE,
        FileState.STORED,
        by,
        by_consumer,
        "app" if by_consumer else None,
        of,
        private,
        9,
        FileType.PNG,
        9,
        "",
        0,
        1,
    )


def test_consumers_have_what_they_uploaded_through_the_same_application() -> None:
    assert may_download(file(), KIM, None)
    assert may_download(file(), KIM_ALONE, None)
    assert not may_download(file(), LEE, None)
    assert not may_download(file(), KIM_ELSEWHERE, None)


def test_consumers_have_what_was_sent_to_them() -> None:
    sent = file(by="bob", of="c1")
    assert may_download(sent, KIM, CONVERSATION)
    assert may_download(sent, KIM_ALONE, CONVERSATION)
    assert not may_download(sent, LEE, CONVERSATION)
    assert not may_download(sent, KIM_ELSEWHERE, CONVERSATION)
    assert not may_download(sent, KIM, None)


def test_consumers_have_nothing_of_private_messages() -> None:
    assert not may_download(file(by="bob", of="c1", private=True), KIM, CONVERSATION)
    assert not may_send(file(by="bob", of="c1", private=True), KIM, "c1")


def test_agents_have_every_file() -> None:
    for one in (file(), file(of="c1"), file(by="cyd", of="c2", private=True)):
        assert may_download(one, BOB, None)


def test_a_file_that_was_not_sent_is_sent_by_who_uploaded_it() -> None:
    assert may_send(file(), KIM, "c1")
    assert not may_send(file(), LEE, "c1")
    assert not may_send(file(), BOB, "c1")
    assert may_send(file(by="bob"), BOB, "c1")
    assert may_send(file(by="bob"), AgentCaller("cyd"), "c1")
    assert not may_send(file(by="bob"), KIM, "c1")
    assert not may_send(file(by="bob"), SystemCaller(), "c1")


def test_a_file_that_was_sent_stays_with_its_conversation() -> None:
    assert may_send(file(by="bob", of="c1"), BOB, "c1")
    assert may_send(file(by="bob", of="c1"), KIM, "c1")
    assert not may_send(file(by="bob", of="c1"), BOB, "c2")
    assert not may_send(file(by="bob", of="c1"), KIM, "c2")
    assert may_send(file(of="c1"), KIM, "c2")
