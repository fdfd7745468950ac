"""Completion in bash, zsh and fish, with fixes where click loses options, file names or descriptions."""

import re

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
)


class Bash(BashComplete):
    """Completion in bash, which divides `--model=ae` into three words."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the one to complete, and that one."""
        args, incomplete = super().get_completion_args()
        return [word for word in args if word != "="], incomplete


class _Joined(ShellComplete):
    """Completes whole words: zsh and fish replace all of `--model=ae`, while click completes only `ae`."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        option, joined, _ = incomplete.partition("=")
        if not (joined and option.startswith("--")):
            return found
        return [
            CompletionItem(f"{option}={item.value}", help=item.help) if item.type == "plain" else item for item in found
        ]


class Zsh(_Joined, ZshComplete):
    """Completion in zsh; click's script completes file names only if they are a whole word."""

    source_template = ZshComplete.source_template.replace("_path_files", "compset -P '--*='; _path_files")


class Fish(_Joined, FishComplete):
    """Completion in fish; answers are split at the first comma only, as descriptions and file names may have commas."""

    source_template = re.sub(
        r"(__fish_complete_\w+ \$metadata\[2\]);",
        r'for path in (\1); echo "$option"$path; end;',
        FishComplete.source_template.replace(
            'set -l metadata (string split ","',
            'set -l option (string match --regex -- "^--[^=]*=" (commandline -t));\n'
            '        set -l metadata (string split --max 1 ","',
        ),
    )


def register_shells() -> None:
    """Make click use these classes."""
    for name, shell in {"bash": Bash, "zsh": Zsh, "fish": Fish}.items():
        add_completion_class(shell, name)
