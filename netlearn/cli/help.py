"""Help with options in groups, for commands that have many, and ``netlearn help`` for all else."""

from __future__ import annotations

import click

SECTIONS = {
    "Task": (
        *("data", "test", "sample", "samples", "measured", "input", "output", "outputs", "probe", "classes", "loss"),
        *("goal", "corner", "train", "fix", "start", "tolerance", "rating", "for-yield", "prices", "series", "parts"),
        *("pairs", "forget", "rows", "before", "to"),
    ),
    "Training": (
        *("rule", "optimizer", "schedule", "subset", "hardware", "epochs", "batch", "seed", "validation", "patience"),
        *("coordinates", "digits", "rules", "seeds", "fractions", "betas", "vary", "scatter", "for", "draws", "budget"),
        *("offsets", "prior", "steps", "damping", "verify"),
    ),
    "Simulator": (
        *("solver", "sweeps", "forward", "against", "no-ngspice", "flat", "threads", "timeout", "retries"),
        *("processes", "scheduler", "local-cluster", "allow-include"),
    ),
    "Output": ("position",),
}
"""Which options stand under which heading; of all others, directives are about the training, the rest the output."""


class SectionedCommand(click.Command):
    """A command whose help lists its options by what they are about."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from netlearn.overrides import directive_with

        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = directive_with(error.option_name.lstrip("-"))
            # What stands nearby may belong to a directive that this command has an option for.
            if any(f" {word.lstrip('-')}=" in hint for each in self.params for word in each.opts):
                said = hint.replace(": ", ": --", 1).replace("=", " ", 1)
                raise click.UsageError(f"there is no option '{error.option_name}': {said}", ctx) from None
            raise

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from netlearn.learn.settings import DIRECTIVES

        named = dict.fromkeys(DIRECTIVES, "Training")
        named |= {name: section for section, names in SECTIONS.items() for name in names}
        rows: dict[str, list[tuple[str, str]]] = {section: [] for section in SECTIONS}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                long = next((word for word in parameter.opts if word.startswith("--")), "").lstrip("-")
                rows[named.get(long, "Output")].append(record)
        for section, records in rows.items():
            if records:
                with formatter.section(section):
                    formatter.write_dl(records)


@click.command(name="help", short_help="Say what a directive, a choice or an option is.")
@click.argument("words", nargs=-1, metavar="[WORD]...")
def command(words: tuple[str, ...]) -> None:
    """Say what a directive is, as in "help rule"; what can be chosen in it, as in "help rule cl"; or what an option
    of it means, as in "help optimizer.lr". Without words, list all directives.
    """
    from netlearn.cli.output import deliver
    from netlearn.reference import explain

    deliver(explain(*words))
