"""Writes what a matrix leaves: matrix.json and junit.xml whenever a group has ended, and report.html at last."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.reporting.junit import Case, render_suite, told_of
from chaos.reporting.matrix.document import matrix_document
from chaos.reporting.matrix.page import render_page
from chaos.reporting.matrix.summary import MatrixSummary
from chaos.reporting.write import write_file

__all__ = ["render_cases", "write_documents", "write_page"]


def write_documents(directory: Path, summary: MatrixSummary) -> list[Path]:
    """Write matrix.json and junit.xml; their paths.

    :raises OSError: if the directory cannot be written to; what was there before stays
    """
    text = json.dumps(matrix_document(summary), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    return [
        write_file(directory / "matrix.json", text),
        write_file(directory / "junit.xml", render_cases(summary)),
    ]


def write_page(directory: Path, summary: MatrixSummary) -> Path:
    """Write report.html; its path.

    :raises OSError: as :func:`write_documents`
    """
    return write_file(directory / "report.html", render_page(summary))


def render_cases(summary: MatrixSummary) -> str:
    """JUnit: one case a cell. A fail is a failure, unknown an error, and a cell that does not apply is skipped."""
    return render_suite(
        f"matrix on {summary.target}",
        summary.wall,
        summary.seconds,
        told_of(summary),
        [
            Case(
                f"{summary.run_id}.{cell.code}",
                f"{cell.api}:{cell.code}",
                cell.seconds,
                cell.verdict if cell.applicable else None,
                cell.reason,
            )
            for cell in summary.cells
        ],
    )
