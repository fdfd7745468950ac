"""Too little memory, by `ulimit -v`, ends in one sentence and exit code; the same command completes with more."""

import shlex

import pytest
from processes import contents, finish, one_sentence, shipped


@pytest.mark.slow
@pytest.mark.parametrize("kilobytes", [400_000, 800_000, 1_200_000, 1_750_000])
def test_a_limit(suburb, tmp_path, kilobytes):
    """Whatever fails first for lack of memory, a library, the engine or the tracer, it is said, and nothing hangs."""
    command = shipped("predict", suburb, "-m", "roads", "--engine", "openvino", "-q", "-o")
    limited = ["sh", "-c", f"ulimit -v {kilobytes}; exec {shlex.join([*command, str(tmp_path / 'out')])}"]
    code, text = finish(limited)
    if code == 0:
        assert text == ""
    else:
        assert code in (1, 2), text
        one_sentence(text, "too little memory")
        assert not list((tmp_path / "out").glob("suburb*"))
        assert finish([*command, str(tmp_path / "out")]) == (0, "")
    assert finish([*command, str(tmp_path / "whole")]) == (0, "")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
