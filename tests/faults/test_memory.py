"""Too little memory, by `ulimit -v`, ends a run, in one sentence where Python is left; more of it completes the run."""

import shlex
import signal

import pytest
from processes import contents, finish, one_sentence, shipped


@pytest.mark.slow
def test_a_limit(suburb, tmp_path):
    """Whatever fails first, a library, the engine or the tracer, nothing hangs or is half-written, and it is said.

    LLVM and jemalloc end the process themselves, with a line of their own.
    """
    command = shipped("predict", suburb, "-m", "roads", "--engine", "openvino", "-q", "-o")
    assert finish([*command, str(tmp_path / "whole")]) == (0, "")
    for kilobytes in (400_000, 1_200_000, 1_750_000):
        out = tmp_path / str(kilobytes)
        limited = ["sh", "-c", f"ulimit -v {kilobytes}; exec {shlex.join([*command, str(out)])}"]
        code, text = finish(limited)
        if code == 0:
            assert text == ""
        else:
            if code not in (-signal.SIGABRT, -signal.SIGSEGV):
                assert code in (1, 2), text
                one_sentence(text, "too little memory")
            assert not list(out.glob("suburb*"))
            assert finish([*command, str(out)]) == (0, "")
        assert contents(out) == contents(tmp_path / "whole")
