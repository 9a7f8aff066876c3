"""``chaos lint``: finds in a file what Chaos Toolkit would let through, before anything is started.

Experiments and probe files are told apart by what they hold.
"""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel, ValidationError

from chaos.documents import read_value
from chaos.errors import DocumentError
from chaos.lint.experiment import check_experiment
from chaos.lint.findings import Finding, Report
from chaos.session.settings import ControlArguments
from chaos.sla.documents import ProbeDocument

__all__ = ["Finding", "lint_file"]

EXPERIMENT_KEYS = {"method", "steady-state-hypothesis", "rollbacks", "title"}


def lint_file(path: str | Path, control_model: type[BaseModel] = ControlArguments) -> list[Finding]:
    """The findings of one file, in the order of the file's parts; none if all is well.

    :param control_model: of the arguments of our control
    """
    report = Report(str(path))
    if re.match(r"https?://", str(path)):
        report.warning("", "is no file of this machine and was not checked", "download it to lint it")
        return report.findings
    try:
        document = read_value(Path(path))
    except DocumentError as error:
        report.broken(error)
        return report.findings
    if isinstance(document, dict) and "objectives" in document and "method" not in document:
        try:
            ProbeDocument.model_validate(document)
        except ValidationError as invalid:
            report.misfit("", invalid, ProbeDocument)
    elif isinstance(document, dict) and EXPERIMENT_KEYS & document.keys():
        check_experiment(document, Path(path).parent, report, control_model)
    else:
        remedy = "an experiment has a 'method', a probe file has 'objectives'"
        report.error("", "is neither an experiment nor a probe file", remedy)
    return report.findings
