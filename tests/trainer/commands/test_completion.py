"""Tab completion for shells."""

import pytest
from tileprop.trainer.cli import main

pytestmark = pytest.mark.plain


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_script_names_commands_options_and_files(capsys, shell):
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", shell])
    script = capsys.readouterr().out
    assert ended.value.code == 0
    assert all(word in script for word in ("predict", "--target", "_files" if shell == "zsh" else "_shtab_compgen_files"))


def test_an_unknown_shell(capsys):
    with pytest.raises(SystemExit):
        main(["--print-completion", "cmd"])
    assert "invalid choice: 'cmd'" in capsys.readouterr().err
