"""The C interface from Python by ctypes, declared as a caller without the header would: the handle as void *.

`program.py LIBRARY encode KEYHEX LEVEL`, `program.py LIBRARY decode KEYHEX LOST,LOST…`: stdin to stdout, shards one
after the other. `program.py LIBRARY check` tests arguments, ownership and threads.
"""

import ctypes
import sys
import threading
from ctypes import POINTER, Structure, c_char_p, c_int, c_size_t, c_uint8, c_void_p

TOTAL = 12


class Shard(Structure):
    _fields_ = [("data", POINTER(c_uint8)), ("len", c_size_t)]


class Shards(Structure):
    _fields_ = [("shards", POINTER(Shard)), ("count", c_size_t)]


class Result(Structure):
    _fields_ = [("success", c_uint8), ("error_msg", c_char_p), ("data", POINTER(c_uint8)), ("data_len", c_size_t)]


class CesError(Exception):
    pass


def load(path):
    library = ctypes.CDLL(path)
    for name, result, arguments in [
        ("ces_new", c_void_p, [c_int]),
        ("ces_new_with_key", c_void_p, [c_int, POINTER(c_uint8)]),
        ("ces_free", None, [c_void_p]),
        ("ces_process", Shards, [c_void_p, c_char_p, c_size_t]),
        ("ces_reconstruct", Result, [c_void_p, POINTER(Shard), c_size_t, POINTER(c_int)]),
        ("ces_free_result", None, [Result]),
        ("ces_free_shards", None, [Shards]),
        ("ces_last_error", c_char_p, []),
        ("ces_version", c_char_p, []),
    ]:
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class Ces:
    def __init__(self, library, level, key=None):
        self.library = library
        if key is None:
            self.handle = library.ces_new(level)
        else:
            self.handle = library.ces_new_with_key(level, (c_uint8 * 32).from_buffer_copy(key))
        if not self.handle:
            raise CesError(library.ces_last_error())

    def process(self, data):
        made = self.library.ces_process(self.handle, data, len(data))
        if not made.shards:
            raise CesError(self.library.ces_last_error())
        try:
            return [ctypes.string_at(made.shards[i].data, made.shards[i].len) for i in range(made.count)]
        finally:
            self.library.ces_free_shards(made)

    def reconstruct(self, shards):
        """`shards` has None where one is missing."""
        there = (Shard * len(shards))()
        present = (c_int * len(shards))()
        kept = []
        for index, shard in enumerate(shards):
            if shard is not None:
                kept.append((c_uint8 * len(shard)).from_buffer_copy(shard))
                there[index] = Shard(ctypes.cast(kept[-1], POINTER(c_uint8)), len(shard))
                present[index] = 1
        result = self.library.ces_reconstruct(self.handle, there, len(shards), present)
        try:
            if not result.success:
                raise CesError(result.error_msg)
            return ctypes.string_at(result.data, result.data_len)
        finally:
            self.library.ces_free_result(result)

    def close(self):
        self.library.ces_free(self.handle)
        self.handle = None


def fails(code, call):
    try:
        call()
    except CesError as error:
        assert error.args[0].startswith(code), error.args[0]
        return
    raise AssertionError(f"no {code.decode()}")


def check(library):
    assert library.ces_version()
    assert library.ces_new_with_key(3, None) is None and library.ces_last_error().startswith(b"INTERNAL: key")
    library.ces_free(None)
    library.ces_free_shards(Shards())
    library.ces_free_result(Result())
    ces, other = Ces(library, 3), Ces(library, 3)
    data = bytes(range(256)) * 700
    shards = ces.process(data)
    assert len(shards) == TOTAL and len({len(shard) for shard in shards}) == 1
    assert ces.reconstruct([None, None, *shards[2:10], None, None]) == data
    fails(b"NOT_ENOUGH_SHARDS", lambda: ces.reconstruct([*shards[:7], None, None, None, None, None]))
    fails(b"CORRUPT", lambda: other.reconstruct(shards))
    fails(b"INTERNAL", lambda: ces.reconstruct([*shards, shards[0]]))
    damaged = bytes([shards[0][0] ^ 1]) + shards[0][1:]
    fails(b"CORRUPT", lambda: ces.reconstruct([damaged, *shards[1:]]))
    assert library.ces_process(None, data, len(data)).count == 0
    assert ces.reconstruct(ces.process(b"")) == b""

    failures = []

    def work(seed):
        try:
            for round_number in range(20):
                mine = bytes([seed, round_number]) * (seed * 4000)
                assert ces.reconstruct([None] * 4 + ces.process(mine)[4:]) == mine
                fails(b"NOT_ENOUGH_SHARDS", lambda: ces.reconstruct([None] * TOTAL))
        except BaseException as failure:  # told by the main thread
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    ces.close()
    other.close()


def main():
    library = load(sys.argv[1])
    command = sys.argv[2]
    if command == "check":
        check(library)
    elif command == "encode":
        ces = Ces(library, int(sys.argv[4]), bytes.fromhex(sys.argv[3]))
        sys.stdout.buffer.write(b"".join(ces.process(sys.stdin.buffer.read())))
        ces.close()
    elif command == "decode":
        ces = Ces(library, 3, bytes.fromhex(sys.argv[3]))
        joined = sys.stdin.buffer.read()
        length = len(joined) // TOTAL
        lost = {int(row) for row in sys.argv[4].split(",")}
        shards = [None if row in lost else joined[row * length : (row + 1) * length] for row in range(TOTAL)]
        sys.stdout.buffer.write(ces.reconstruct(shards))
        ces.close()
    else:
        sys.exit(64)


main()
