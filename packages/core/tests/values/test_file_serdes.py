from __future__ import annotations

import json
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pytest

from durable_core._host.file_serdes import FileSystemSerDes
from durable_core._values.errors import CheckpointError, SerDesError, ValidationError
from durable_core._values.serdes import (
    DEFAULT_SERDES,
    JsonSerDes,
    PassThroughSerDes,
    SerDesContext,
    encode_with,
    serdes_for_return,
)

CHARGE = SerDesContext("1", "charge", None, "result")
ROWS = {"rows": [{"id": n, "at": (n,)} for n in range(50)]}


@dataclass
class Report:
    rows: list[int]


def make_report() -> Report: ...


def files_in(directory):
    return sorted(path for path in Path(directory).rglob("*") if path.is_file())


def test_small_text_stays_inline(tmp_path):
    serdes = FileSystemSerDes(tmp_path / "payloads")
    assert serdes.encode(ROWS, CHARGE) == DEFAULT_SERDES.encode(ROWS)
    assert serdes.deserialize(DEFAULT_SERDES.serialize(ROWS)) == ROWS
    assert files_in(tmp_path) == []


def test_text_from_the_threshold_on_goes_into_a_file_named_by_its_hash(tmp_path):
    text = DEFAULT_SERDES.serialize("é" * 10)
    at_threshold = FileSystemSerDes(tmp_path, threshold_bytes=len(text.encode()))
    reference, seen = at_threshold.encode("é" * 10, CHARGE)
    digest = sha256(text.encode()).hexdigest()
    assert seen == "é" * 10
    assert json.loads(reference) == {
        "$file": f"{digest[:2]}/{digest}.json",
        "sha256": digest,
        "size": 22,
    }
    assert (tmp_path / digest[:2] / f"{digest}.json").read_text("utf-8") == text
    assert at_threshold.deserialize(reference, CHARGE) == "é" * 10
    assert FileSystemSerDes(tmp_path, threshold_bytes=23).serialize("é" * 10) == text


def test_with_a_threshold_of_zero_everything_is_stored_in_files(tmp_path):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    for value in (None, 1, "", ROWS):
        assert serdes.deserialize(serdes.serialize(value)) == value
    assert len(files_in(tmp_path)) == 4


def test_the_same_content_is_stored_once(tmp_path):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    assert serdes.serialize(ROWS) == serdes.serialize(ROWS)
    (file,) = files_in(tmp_path)
    assert file.suffix == ".json"


def test_a_damaged_file_is_mended_by_writing_again(tmp_path):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    reference = serdes.serialize(ROWS)
    files_in(tmp_path)[0].write_bytes(b"")
    assert serdes.serialize(ROWS) == reference
    assert serdes.deserialize(reference) == ROWS


def test_data_that_looks_like_a_reference_survives(tmp_path):
    serdes = FileSystemSerDes(tmp_path, inner=JsonSerDes())
    value = {"$file": "aa/bb.json", "sha256": "0" * 64, "size": 1}
    text, seen = serdes.encode(value)
    assert seen == value
    assert serdes.deserialize(text) == value


def test_the_directory_may_be_mounted_elsewhere(tmp_path):
    reference = FileSystemSerDes(tmp_path / "here", threshold_bytes=0).serialize(ROWS)
    (tmp_path / "here").rename(tmp_path / "there")
    assert FileSystemSerDes(str(tmp_path / "there")).deserialize(reference) == ROWS


def test_a_preview_stands_in_the_record(tmp_path):
    serdes = FileSystemSerDes(
        tmp_path, threshold_bytes=0, preview=lambda value: {"rows": len(value["rows"])}
    )
    assert json.loads(serdes.serialize(ROWS))["preview"] == {"rows": 50}


def test_a_missing_file_is_an_error_that_says_what_is_needed(tmp_path):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    reference = serdes.serialize(ROWS)
    files_in(tmp_path)[0].unlink()
    expected = r"^the result of 'charge' is in the file .*\.json, which is missing; each host"
    with pytest.raises(SerDesError, match=expected):
        serdes.deserialize(reference, CHARGE)


@pytest.mark.parametrize("content", [b"", b"5", b'"other"'])
def test_a_file_that_was_changed_is_an_error(tmp_path, content):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    reference = serdes.serialize("sound")
    files_in(tmp_path)[0].write_bytes(content)
    with pytest.raises(SerDesError, match=r"not what was written: \d bytes instead of 7"):
        serdes.deserialize(reference, CHARGE)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "A" * 64, "0" * 63, 5, None])
def test_a_reference_leads_nowhere_but_into_the_directory(tmp_path, digest):
    reference = json.dumps({"$file": "x", "sha256": digest}, separators=(",", ":"))
    with pytest.raises(SerDesError, match="without a valid sha256"):
        FileSystemSerDes(tmp_path).deserialize(reference, CHARGE)


def test_a_broken_reference_is_an_error(tmp_path):
    with pytest.raises(SerDesError, match="cannot be read back"):
        FileSystemSerDes(tmp_path).deserialize('{"$file":', CHARGE)


def test_a_directory_that_cannot_be_written_is_an_error_that_says_why(tmp_path):
    occupied = tmp_path / "occupied"
    occupied.write_text("a file where a directory should be")
    with pytest.raises(
        CheckpointError, match=r"^the result of 'charge' could not be written to .*: .*"
    ) as raised:
        FileSystemSerDes(occupied, threshold_bytes=0).serialize(ROWS, CHARGE)
    assert raised.value.is_retryable


def test_a_file_that_cannot_be_read_is_an_error_that_says_why(tmp_path):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    reference = serdes.serialize(ROWS)
    (file,) = files_in(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(
        CheckpointError, match=r"^the result of 'charge' could not be read from .*: .*"
    ):
        serdes.deserialize(reference, CHARGE)


def test_a_write_that_fails_leaves_nothing_behind(tmp_path):
    serdes = FileSystemSerDes(tmp_path, threshold_bytes=0)
    serdes.serialize(ROWS)
    (file,) = files_in(tmp_path)
    file.unlink()
    file.mkdir()
    (file / "in the way").touch()
    with pytest.raises(CheckpointError):
        serdes.serialize(ROWS)
    assert files_in(tmp_path) == [file / "in the way"]


def test_where_directories_cannot_be_flushed_files_still_can(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "name", "nt")
    serdes = FileSystemSerDes(str(tmp_path), threshold_bytes=0)
    assert serdes.deserialize(serdes.serialize(ROWS)) == ROWS


def test_the_inner_serdes_makes_the_text(tmp_path):
    serdes = FileSystemSerDes(tmp_path, inner=PassThroughSerDes(), threshold_bytes=0)
    assert encode_with(serdes, None, CHARGE) == (None, None)
    assert serdes.deserialize(None) is None
    assert serdes.deserialize(serdes.serialize("text")) == "text"
    assert files_in(tmp_path)[0].read_text() == "text"


def test_what_the_inner_serdes_refuses_is_refused(tmp_path):
    with pytest.raises(SerDesError, match=r"^the result of 'charge' cannot be recorded"):
        FileSystemSerDes(tmp_path).serialize(object(), CHARGE)


def test_as_a_default_it_stores_what_the_annotation_asks_for(tmp_path):
    default = FileSystemSerDes(tmp_path, threshold_bytes=0)
    serdes = serdes_for_return(make_report, default)
    assert serdes.deserialize(serdes.serialize(Report([1]))) == Report([1])
    assert files_in(tmp_path)[0].read_text() == '{"rows":[1]}'


def test_as_a_default_with_an_inner_serdes_of_its_own_it_stays_as_it_is(tmp_path):
    default = FileSystemSerDes(tmp_path, inner=JsonSerDes())
    assert serdes_for_return(make_report, default) is default


def test_a_negative_threshold_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="threshold_bytes must be 0 or more; found -1"):
        FileSystemSerDes(tmp_path, threshold_bytes=-1)
