"""The container of .pt files since PyTorch 1.6: a zip archive of records below one root folder. Reader and writer.

The reader trusts nothing: every offset and length is held against the bytes that are there before anything is read or
allocated, records may not overlap or occur twice, and what is compressed may grow only so far. Knows nothing of
pickles.
"""

from __future__ import annotations

import itertools
import struct
import zlib
from typing import NamedTuple

ALIGNMENT = 64
LOCAL, CENTRAL, END = b"PK\3\4", b"PK\1\2", b"PK\5\6"
END64, LOCATOR64 = b"PK\6\6", b"PK\6\7"
MOST_RECORDS = 1 << 22


class Buffer:
    """Bytes in memory, read by offset."""

    def __init__(self, data) -> None:
        self.data = memoryview(data).cast("B")
        self.size = len(self.data)

    def read(self, offset: int, n: int):
        return self.data[offset : offset + n]

    def readinto(self, offset: int, view) -> int:
        part = self.data[offset : offset + len(view)]
        view[: len(part)] = part
        return len(part)


class File:
    """A file on disk, read by offset (not mapped: a file that shrinks while it is read is an error, not a SIGBUS)."""

    def __init__(self, file) -> None:
        self.file = file
        self.size = file.seek(0, 2)

    def read(self, offset: int, n: int):
        self.file.seek(offset)
        return self.file.read(n)

    def readinto(self, offset: int, view) -> int:
        self.file.seek(offset)
        done = 0
        while done < len(view):
            n = self.file.readinto(view[done:])
            if not n:
                break
            done += n
        return done


class Record(NamedTuple):
    offset: int  # of the data
    stored: int  # bytes in the file
    size: int  # bytes of the content
    deflated: bool
    crc: int


class Reader:
    """The records of an archive by their names below the root folder."""

    def __init__(self, source: Buffer | File, name: str) -> None:
        self.source = source
        self.name = name
        self.records: dict[str, Record] = {}
        self.root = ""
        self._read_directory()

    def bad(self, what: str) -> RuntimeError:
        return RuntimeError(
            f"torch.load: {self.name} ({self.source.size} bytes) is not a whole zip archive: {what}. The file is "
            f"incomplete or "
            "corrupt: copy, download or save it again."
        )

    def _end(self) -> tuple[int, int, int]:
        """Count of records, size and offset of the directory."""
        size = self.source.size
        tail_at = max(0, size - 65557)
        tail = bytes(self.source.read(tail_at, size - tail_at))
        at = tail.rfind(END)
        while at >= 0 and (
            at + 22 > len(tail) or at + 22 + int.from_bytes(tail[at + 20 : at + 22], "little") > len(tail)
        ):
            at = tail.rfind(END, 0, at)
        if at < 0:
            raise self.bad("it has no central directory at its end, so it seems truncated")
        count, length, offset = struct.unpack_from("<HII", tail, at + 10)
        here = tail_at + at
        if (count == 0xFFFF or length == 0xFFFFFFFF or offset == 0xFFFFFFFF) and here >= 20:
            locator = bytes(self.source.read(here - 20, 20))
            if locator[:4] == LOCATOR64:
                at64 = struct.unpack_from("<Q", locator, 8)[0]
                if at64 + 56 > here:
                    raise self.bad("its zip64 directory record lies outside of the file")
                record = bytes(self.source.read(at64, 56))
                if record[:4] != END64:
                    raise self.bad("its zip64 directory record is damaged")
                count, length, offset = struct.unpack_from("<QQQ", record, 32)
        if offset + length > here or count > MOST_RECORDS or count * 46 > length:
            raise self.bad(
                f"its central directory ({count} records, {length} bytes at offset {offset}) does not fit in front "
                f"of its end record"
            )
        return count, length, offset

    def _read_directory(self) -> None:
        count, length, offset = self._end()
        directory = bytes(self.source.read(offset, length))
        if count == 0:
            raise self.bad("its directory is empty, no record was found")
        at = 0
        spans = []
        found: dict[str, Record] = {}
        for _ in range(count):
            if at + 46 > len(directory) or directory[at : at + 4] != CENTRAL:
                raise self.bad("an entry of its directory is damaged")
            flags, method = struct.unpack_from("<HH", directory, at + 8)
            crc, stored, size, n, m, k = struct.unpack_from("<IIIHHH", directory, at + 16)
            local = struct.unpack_from("<I", directory, at + 42)[0]
            end = at + 46 + n + m + k
            if end > len(directory):
                raise self.bad("an entry of its directory is longer than the directory")
            raw_name = directory[at + 46 : at + 46 + n]
            size, stored, local = self._wide(directory[at + 46 + n : at + 46 + n + m], size, stored, local)
            name = raw_name.decode("utf-8", "replace")
            at = end
            if flags & 1:
                raise self.bad(f"record {name[:100]!r} is encrypted with a password, which .pt files never are")
            if method not in (0, 8):
                raise self.bad(f"record {name[:100]!r} has the unknown compression method {method}")
            if method == 0 and stored != size:
                raise self.bad(f"the sizes of record {name[:100]!r} do not match ({stored} and {size} bytes)")
            if name in found:
                raise self.bad(f"record {name[:100]!r} is there twice (duplicate)")
            data = self._data_offset(local, raw_name, offset)
            if data + stored > offset:
                raise self.bad(
                    f"record {name[:100]!r} ({stored} bytes at offset {data}) reaches beyond the data in the file"
                )
            found[name] = Record(data, stored, size, method == 8, crc)
            spans.append((local, data + stored, name))
        spans.sort()
        for (_, end, a), (start, _, b) in itertools.pairwise(spans):
            if start < end:
                raise self.bad(f"records {a[:100]!r} and {b[:100]!r} overlap")
        first = next(iter(found))
        self.root, slash, _ = first.partition("/")
        if not slash:
            raise self.bad(f"record {first[:100]!r} is not in a root directory, as the records of a .pt archive are")
        prefix = self.root + "/"
        self.records = {name[len(prefix) :]: record for name, record in found.items() if name.startswith(prefix)}

    def _wide(self, extra: bytes, size: int, stored: int, local: int):
        at = 0
        while at + 4 <= len(extra):
            kind, n = struct.unpack_from("<HH", extra, at)
            if kind == 1:
                fields = extra[at + 4 : at + 4 + n]
                wide = [int.from_bytes(fields[i : i + 8], "little") for i in range(0, len(fields) - 7, 8)]
                try:
                    size = wide.pop(0) if size == 0xFFFFFFFF else size
                    stored = wide.pop(0) if stored == 0xFFFFFFFF else stored
                    local = wide.pop(0) if local == 0xFFFFFFFF else local
                except IndexError:
                    raise self.bad("a zip64 size is missing in its directory") from None
            at += 4 + n
        return size, stored, local

    def _data_offset(self, local: int, raw_name: bytes, directory: int) -> int:
        if local + 30 > directory:
            raise self.bad(
                f"the header of record {raw_name[:100].decode('utf-8', 'replace')!r} lies beyond the data (offset "
                f"{local})"
            )
        header = bytes(self.source.read(local, 30 + len(raw_name)))
        n, m = struct.unpack_from("<HH", header, 26)
        if header[:4] != LOCAL or n != len(raw_name) or header[30:] != raw_name:
            raise self.bad(
                f"the header of record {raw_name[:100].decode('utf-8', 'replace')!r} at offset {local} is damaged"
            )
        return local + 30 + n + m

    def __contains__(self, name: str) -> bool:
        return name in self.records

    def record(self, name: str) -> Record:
        found = self.records.get(name)
        if found is None:
            raise self.bad(f"record {self.root + '/' + name[:100]!r} was not found in it")
        return found

    def read(self, name: str, most: int = 1 << 40, times: int = 1 << 20) -> bytes:
        """A whole record; refused above `most` bytes, or where unpacking makes it more than `times` as large."""
        record = self.record(name)
        if record.size > most or (record.deflated and record.size > (1 << 22) and record.size > record.stored * times):
            raise self.bad(f"record {name!r} is too large: {record.size} bytes, compressed to {record.stored}")
        data = bytes(self.source.read(record.offset, record.stored))
        if len(data) < record.stored:
            raise self.bad(f"record {name!r} is truncated")
        if record.deflated:
            data = self._inflate(name, record, data, record.size)
            if len(data) != record.size:
                raise self.bad(f"record {name!r} unpacks to {len(data)} bytes, not {record.size}")
        self._check(name, record, zlib.crc32(data))
        return data

    def readinto(self, name: str, view) -> None:
        """The first len(view) bytes of a record, which has at least as many."""
        record = self.record(name)
        if record.deflated:
            data = self._inflate(name, record, self.source.read(record.offset, record.stored), len(view))
            if len(data) < len(view):
                raise self.bad(f"record {name!r} unpacks to {len(data)} bytes, not {len(view)}")
            view[:] = data
        elif self.source.readinto(record.offset, view) < len(view):
            raise self.bad(f"record {name!r} is truncated")
        if len(view) == record.size:
            self._check(name, record, zlib.crc32(view))

    def _inflate(self, name: str, record: Record, data, n: int) -> bytes:
        try:
            return zlib.decompressobj(-15).decompress(data, n) if n else b""
        except zlib.error as e:
            raise self.bad(f"record {name!r} cannot be unpacked ({e})") from None

    def _check(self, name: str, record: Record, crc: int) -> None:
        # 0: written without checksums (torch.serialization.set_crc32_options(False))
        if record.crc not in (0, crc):
            raise self.bad(f"the checksum of record {name!r} is wrong: its bytes have changed since it was written")


class Writer:
    """Writes records one after another to a file object that can `write`; each record's data is aligned."""

    def __init__(self, file, root: str) -> None:
        self.file = file
        self.root = root
        self.at = 0
        self.directory: list[bytes] = []

    def _put(self, data) -> None:
        self.file.write(data)
        self.at += len(data)

    def write(self, name: str, data) -> None:
        full = f"{self.root}/{name}".encode()
        view = memoryview(data).cast("B") if not isinstance(data, bytes) else data
        n, crc, start = len(view), zlib.crc32(view), self.at
        small = n < 0xFFFFFFFF
        wide = b"" if small else struct.pack("<HHQQ", 1, 16, n, n)
        # an extra field of padding, so that the data can be mapped at its natural alignment
        pad = -(start + 30 + len(full) + len(wide) + 4) % ALIGNMENT
        extra = wide + b"FB" + struct.pack("<H", pad) + b"Z" * pad
        short = n if small else 0xFFFFFFFF
        common = struct.pack("<HHHHIII", 0x800, 0, 0, 33, crc, short, short)
        self._put(
            LOCAL
            + struct.pack("<H", 20 if small else 45)
            + common
            + struct.pack("<HH", len(full), len(extra))
            + full
            + extra
        )
        self._put(view)
        far = start >= 0xFFFFFFFF
        fields = (struct.pack("<QQ", n, n) if not small else b"") + (struct.pack("<Q", start) if far else b"")
        extra = struct.pack("<HH", 1, len(fields)) + fields if fields else b""
        version = 20 if not fields else 45
        self.directory.append(
            CENTRAL
            + struct.pack("<HH", version, version)
            + common
            + struct.pack("<HHHHHII", len(full), len(extra), 0, 0, 0, 0, 0xFFFFFFFF if far else start)
            + full
            + extra
        )

    def close(self) -> None:
        start, count = self.at, len(self.directory)
        directory = b"".join(self.directory)
        self._put(directory)
        length = len(directory)
        if start >= 0xFFFFFFFF or count >= 0xFFFF:
            end = self.at
            self._put(END64 + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, length, start))
            self._put(LOCATOR64 + struct.pack("<IQI", 0, end, 1))
        short = min(count, 0xFFFF)
        self._put(END + struct.pack("<HHHHIIH", 0, 0, short, short, min(length, 0xFFFFFFFF), min(start, 0xFFFFFFFF), 0))
