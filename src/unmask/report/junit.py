"""A run as JUnit's XML, which CI systems show: a test case per verdict and per step."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection, Mapping, Sequence
from typing import Any

FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, which an error that quotes a model may have."""


def junit(
    run: str,
    steps: Sequence[Mapping[str, Any]],
    verdicts: Sequence[Mapping[str, Any]],
    expected: Collection[str] = (),
) -> str:
    """The XML of a run. `steps` and `verdicts` are those of run.json.

    A failed step is an error and what it blocked is skipped. A verdict fails where others were
    `expected`; where none were, it passes, whatever it is.
    """
    suites = ElementTree.Element("testsuites", name="unmask")
    concluded = [verdict_case(run, verdict, expected) for verdict in verdicts]
    add_suite(suites, f"{run} verdicts", concluded)
    add_suite(suites, f"{run} steps", [step_case(run, step) for step in steps])
    return as_xml(suites)


def as_xml(suites: ElementTree.Element) -> str:
    ElementTree.indent(suites)
    text = ElementTree.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def add_suite(suites: ElementTree.Element, name: str, cases: Sequence[ElementTree.Element]) -> None:
    """A suite with its cases, and how many ended in which way."""
    attributes = {"name": name, "tests": str(len(cases))}
    for ending, plural in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        attributes[plural] = str(sum(case.find(ending) is not None for case in cases))
    seconds = sum(float(case.get("time", 0)) for case in cases)
    suite = ElementTree.SubElement(suites, "testsuite", {**attributes, "time": f"{seconds:.3f}"})
    suite.extend(cases)


def verdict_case(
    run: str, verdict: Mapping[str, Any], expected: Collection[str]
) -> ElementTree.Element:
    word, subject = verdict["word"], printable(verdict["subject"])
    case = ElementTree.Element("testcase", classname=f"{run}.verdicts", name=subject)
    told = printable(f"{word}: {subject}. {verdict['sentence']}")
    if expected and word not in expected:
        message = f"{word}, and not {' or '.join(expected)}"
        ElementTree.SubElement(case, "failure", message=message, type="verdict").text = told
    else:
        ElementTree.SubElement(case, "system-out").text = told
    return case


def step_case(run: str, step: Mapping[str, Any]) -> ElementTree.Element:
    name = printable(f"{step['label']} {step['key'][:16]}")
    case = ElementTree.Element(
        "testcase", classname=f"{run}.steps", name=name, time=f"{step['seconds'] or 0:.3f}"
    )
    ending = {"failed": "error", "blocked": "skipped"}.get(step["status"])
    if ending:
        ElementTree.SubElement(case, ending, message=printable(step["error"]))
    return case


def printable(text: str) -> str:
    return FORBIDDEN.sub("\ufffd", text)
