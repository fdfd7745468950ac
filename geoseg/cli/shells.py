"""Completion in zsh and fish, where click's own scripts and answers lose options or descriptions."""

from click.shell_completion import CompletionItem, FishComplete, ShellComplete, ZshComplete, add_completion_class


class _Joined(ShellComplete):
    """Answers with whole words: zsh and fish replace `--model=ae`, of which click completes `ae` alone."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        found = super().get_completions(args, incomplete)
        option, joined, _ = incomplete.partition("=")
        if not (joined and option.startswith("--")):
            return found
        return [
            CompletionItem(f"{option}={item.value}", type=item.type, help=item.help)
            for item in found
            if item.type == "plain"
        ]


class Zsh(_Joined, ZshComplete):
    """Completion in zsh."""


class Fish(_Joined, FishComplete):
    """Completion in fish, whose script splits an answer at its first comma alone: descriptions and files have more."""

    source_template = FishComplete.source_template.replace('string split ","', 'string split --max 1 ","')


def register_shells() -> None:
    """Make click use these classes."""
    add_completion_class(Zsh, "zsh")
    add_completion_class(Fish, "fish")
