"""The class report as one page for whoever teaches the course.

- per chapter: how the points are spread, how each exercise went, the commonest mistakes with their counts, which
  groups of cases failed, who needs a person's look and why, how long grading took; each as a picture and a table;
- one table of students, in blocks of a hundred that open and close without a script; a script adds a filter;
- points per student and exercise stand on the page for classes of ordinary size, and always in report.csv.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence

from autograder.feedback.sanitise import clean_text
from autograder.nbg.results import UNMATCHED
from autograder.page import document, text, words
from autograder.report.charts import histogram, shares, spreads
from autograder.report.gather import ChapterReport, Row
from mechanisms.spreadsheet import number

BLOCK = 100
# Above this many rows (students times chapters) the page leaves out points per exercise and what the grader says.
DETAIL_LIMIT = 1_000
PERSON_LIMIT = 40
NAMES_LIMIT = 200
KINDS = ("full points", "some points", "no points", "not started", "not found")
_MISTAKES_SHOWN = 3


def report_html(chapters: Sequence[ChapterReport], made: str = "") -> str:
    """The whole page. `made` is when the report was made, as a person reads it."""
    detailed = sum(len(chapter.rows) for chapter in chapters) <= DETAIL_LIMIT
    parts = [_head(chapters, made), '<main id="main" tabindex="-1">']
    if not chapters:
        parts.append("<p>No submission was graded yet.</p>")
    if len(chapters) > 1:
        parts.append(_overview(chapters))
    parts += [_chapter(chapter, detailed) for chapter in chapters]
    if chapters and not (detailed and len(chapters) == 1):
        parts.append(_everybody(chapters, detailed))
    parts.append("</main>")
    return document("Class report", _STYLE, "\n".join(part for part in parts if part), _SCRIPT)


def _head(chapters: Sequence[ChapterReport], made: str) -> str:
    who = {row.student for chapter in chapters for row in chapter.rows}
    facts = [_count(len(who), "student"), _count(len(chapters), "chapter")]
    if made:
        facts.append(f"made {text(made)}")
    links = "".join(f"<li><a href='#{text(chapter.slug)}'>{text(chapter.title)}</a></li>" for chapter in chapters)
    nav = f"<nav aria-label='Chapters'><ul>{links}</ul></nav>" if len(chapters) > 1 else ""
    return (
        f"<header><h1>Class report</h1><p class='soft'>{' · '.join(facts)}. Points come from hidden cases; a student's "
        f"name leads to the feedback page. The same as <a href='report.csv'>CSV</a> and "
        f"<a href='report.json'>JSON</a>.</p>{nav}</header>"
    )


def _overview(chapters: Sequence[ChapterReport]) -> str:
    rows = []
    for chapter in chapters:
        values = _percentages(chapter)
        person = sum(1 for row in chapter.rows if row.needs_person)
        waiting = sum(len(row.unmarked) for row in chapter.rows)
        middle = f"{statistics.median(values):.0f}%" if values else "–"
        rows.append(
            f"<tr><th scope='row'><a href='#{text(chapter.slug)}'>{text(chapter.title)}</a></th>"
            f"<td class='n'>{len(chapter.rows)}</td><td class='n'>{len(chapter.graded)}</td>"
            f"<td class='n'>{middle}</td><td class='n'>{person}</td><td class='n'>{waiting}</td></tr>"
        )
    heads = ("Chapter", "Handed in", "Have points", "Median", "Need a person", "Free text to mark")
    chart = spreads([(chapter.title, _percentages(chapter)) for chapter in chapters], "Share of the points by chapter")
    return (
        "<section aria-labelledby='overview'><h2 id='overview'>All chapters</h2><div class='pair'>"
        f"{chart}{_table('Chapters', heads, rows)}</div></section>"
    )


def _percentages(chapter: ChapterReport) -> list[float]:
    """The share of the automatic points that each graded student has, in percent."""
    most = chapter.automatic or 1.0
    return [100 * row.automatic / most for row in chapter.graded]


def _chapter(chapter: ChapterReport, detailed: bool) -> str:
    values = _percentages(chapter)
    facts = [f"{len(chapter.rows)} handed in", f"{len(chapter.graded)} have points"]
    if values:
        facts.append(f"median {statistics.median(values):.0f}% of the points checked automatically")
        facts.append(f"mean {statistics.fmean(values):.0f}%")
    parts = [
        f"<section aria-labelledby='{text(chapter.slug)}'><h2 id='{text(chapter.slug)}'>{text(chapter.title)}</h2>",
        f"<p class='soft'>{' · '.join(facts)}</p>",
        _person(chapter),
    ]
    if values:
        chart = histogram(values, 100, "share of the automatic points", "%", "Students by share of the points")
        parts.append(f"<div class='pair'>{chart}{_exercises_chart(chapter)}</div>")
        parts += [_exercises_table(chapter), _mistakes(chapter), _failing_groups(chapter), _runtime(chapter)]
    if detailed and chapter.rows:
        parts.append(_points(chapter))
    return "".join(parts) + "</section>"


def _person(chapter: ChapterReport) -> str:
    """Who needs a person's look, and why; reasons that many share are told once."""
    reasons: dict[str, list[str]] = {}
    for row in chapter.rows:
        for sentence in row.needs_person:
            reasons.setdefault(sentence, []).append(row.student)
    items = [f"<li>{words(clean_text(why))} {_names(who)}</li>" for why, who in reasons.items()]
    waiting = sum(len(row.unmarked) for row in chapter.rows)
    parts = []
    if items:
        people = len({row.student for row in chapter.rows if row.needs_person})
        parts.append(f"<h3>{_count(people, 'student needs', 'students need')} a person’s look</h3>")
        parts.append(f"<ul>{''.join(items[:PERSON_LIMIT])}</ul>")
        if len(items) > PERSON_LIMIT:
            rest = items[PERSON_LIMIT : 10 * PERSON_LIMIT]
            more = len(items) - PERSON_LIMIT - len(rest)
            tail = f"<p>{more} more stand in report.csv.</p>" if more else ""
            parts.append(f"<details><summary>{len(items) - PERSON_LIMIT} more</summary><ul>{''.join(rest)}</ul>")
            parts.append(f"{tail}</details>")
    if waiting:
        verb = "answer waits" if waiting == 1 else "answers wait"
        parts.append(f"<p>{waiting} free-text {verb} to be marked (in nbgrader’s formgrader page).</p>")
    if not parts:
        return "<p class='good'><span aria-hidden='true'>✓</span> Nothing needs a person’s look.</p>"
    return f"<div class='call look'>{''.join(parts)}</div>"


def _names(students: Sequence[str]) -> str:
    shown = ", ".join(f"<strong>{_name(student)}</strong>" for student in students[:5])
    rest = students[5:NAMES_LIMIT]
    if not rest:
        return shown
    more = len(students) - 5 - len(rest)
    names = ", ".join(_name(student) for student in rest) + (f" and {more} more (report.csv)" if more else "")
    return f"{shown} <details><summary>and {len(students) - 5} more</summary>{names}</details>"


def _name(student: str) -> str:
    """A student's name, harmless, with places where a narrow column may break it."""
    return text(clean_text(student, 120)).replace("_", "_<wbr>").replace("-", "-<wbr>")


def _outcome(row: Row, name: str, most: float) -> int:
    """The place in KINDS of one student's exercise."""
    if row.states.get(name) == "not found":
        return 4
    score = row.scores.get(name, 0.0)
    if score >= most - 1e-9:
        return 0
    if score > 0:
        return 1
    return 3 if row.states.get(name) == "blank" else 2


def _outcomes(chapter: ChapterReport) -> dict[str, list[int]]:
    counts = {name: [0] * len(KINDS) for name in chapter.maxima}
    for row in chapter.graded:
        for name, most in chapter.maxima.items():
            counts[name][_outcome(row, name, most)] += 1
    return counts


def _exercises_chart(chapter: ChapterReport) -> str:
    return shares(list(_outcomes(chapter).items()), KINDS, "How each exercise went")


def _exercises_table(chapter: ChapterReport) -> str:
    rows = []
    for name, counts in _outcomes(chapter).items():
        scores = [row.scores.get(name, 0.0) for row in chapter.graded]
        rows.append(
            f"<tr><th scope='row'><code>{text(name)}</code><br><small>{text(chapter.titles[name])}</small></th>"
            f"<td class='n'>{100 * counts[0] / max(1, sum(counts)):.0f}%</td>"
            f"<td class='n'>{statistics.fmean(scores):.1f} of {number(chapter.maxima[name])}</td>"
            + "".join(f"<td class='n'>{count}</td>" for count in counts)
            + "</tr>"
        )
    heads = ("Exercise", "Pass rate", "Mean", *(kind.capitalize() for kind in KINDS))
    return _table("By exercise", heads, rows)


def _mistakes(chapter: ChapterReport) -> str:
    """The commonest mistakes of each exercise, by how many made them."""
    rows = []
    for name in chapter.maxima:
        counts = Counter(row.mistakes[name] for row in chapter.graded if name in row.mistakes)
        unnamed = sum(1 for row in chapter.graded if name in row.faults)
        for mistake, count in counts.most_common(_MISTAKES_SHOWN):
            rows.append((count, name, words(chapter.sentences.get(name, {}).get(mistake, mistake))))
        if unnamed:
            rows.append((unnamed, name, "<em>wrong in a way that no known mistake explains</em>"))
    if not rows:
        return ""
    rows.sort(key=lambda row: -row[0])
    most = rows[0][0]
    lines = [
        f"<tr><td class='n'>{count}</td><td class='meter'><svg viewBox='0 0 100 10' preserveAspectRatio='none' "
        f"aria-hidden='true'><rect class='b0' width='{100 * count / most:.0f}' height='10'/></svg></td>"
        f"<td><code>{text(name)}</code></td><td class='what'>{sentence}</td></tr>"
        for count, name, sentence in rows
    ]
    heads = ("Students", "", "Exercise", "What they did")
    return _table("The commonest mistakes", heads, lines)


def _failing_groups(chapter: ChapterReport) -> str:
    """Which groups of cases did not pass, of those who wrote the exercise at all."""
    counts: Counter[tuple[str, str]] = Counter()
    tried: Counter[str] = Counter()
    for row in chapter.graded:
        for name, state in row.states.items():
            tried[name] += state not in ("blank", "not found")
        for name, failed in row.failed_groups.items():
            counts.update((name, group) for group in failed)
    if not counts:
        return ""
    rows = [
        f"<tr><td class='n'>{count} of {tried[name]}</td><td><code>{text(name)}</code></td><td>{text(group)}</td></tr>"
        for (name, group), count in counts.most_common()
    ]
    inner = _table("Groups of cases that failed", ("Students", "Exercise", "Group of cases"), rows)
    return f"<details><summary>Which groups of cases failed ({len(rows)})</summary>{inner}</details>"


def _runtime(chapter: ChapterReport) -> str:
    times = [row.seconds for row in chapter.graded if row.seconds > 0]
    if not times:
        return ""
    own = [row.cell_seconds for row in chapter.graded if row.cell_seconds > 0]
    slowest = sorted(chapter.graded, key=lambda row: -row.seconds)[:5]
    rows = [
        f"<tr><th scope='row'>{_name(row.student)}</th><td class='n'>{row.seconds:.1f}</td></tr>" for row in slowest
    ]
    limit = _round_up(max(times))
    told = f"{_time(sum(times))} in all, median {_time(statistics.median(times))} per submission"
    if own:
        told += f", of which the student’s own cells took {_time(statistics.median(own))}"
    chart = histogram(times, limit, "seconds per submission", "", "How long grading took")
    return (
        f"<details><summary>Runtime: {told}</summary><div class='pair'>{chart}"
        f"{_table('The slowest', ('Student', 'Seconds'), rows)}</div></details>"
    )


def _round_up(value: float) -> float:
    """The next 1, 2 or 5 times a power of ten."""
    step = 0.1
    while True:
        for factor in (1, 2, 5):
            if value <= factor * step:
                return factor * step
        step *= 10


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _points(chapter: ChapterReport) -> str:
    """Points per student and exercise, with what the grader says."""
    names, questions = list(chapter.maxima), list(chapter.questions)
    heads = ["Student", "Total"]
    heads += [f"<code>{text(name).replace('_', '_<wbr>')}</code> <small>of {number(chapter.maxima[name])}</small>"
              for name in names]  # fmt: skip
    heads += [f"{text(name).replace('_', '_<wbr>')} <small>free text, of {number(chapter.questions[name])}</small>"
              for name in questions]  # fmt: skip
    heads.append("What the grader says")
    rows = [_row(row, chapter, names, questions) for row in chapter.rows]
    return "<h3>Points per student</h3>" + _blocks(chapter.rows, heads, rows, f"Points in {chapter.title}")


def _row(row: Row, chapter: ChapterReport, names: Sequence[str], questions: Sequence[str]) -> str:
    first = f"<th scope='row'>{_linked(row, _name(row.student))}</th>"
    said = [f"<p class='look'>{words(clean_text(sentence))}</p>" for sentence in row.needs_person]
    if row.points is None:
        word = "could not be read" if row.status == UNMATCHED else row.status
        blank = "<td class='n'>–</td>" * (len(names) + len(questions))
        return f"<tr>{first}<td class='look'>{text(word)}</td>{blank}<td>{''.join(said)}</td></tr>"
    cells = []
    for name in names:
        kind = _outcome(row, name, chapter.maxima[name])
        note = {4: "not found", 3: "not started"}.get(kind, "mistake" if name in row.mistakes else "")
        small = f"<br><small>{note}</small>" if note else ""
        cells.append(f"<td class='n k{kind}'>{number(row.scores.get(name, 0.0))}{small}</td>")
    for name in questions:
        score = row.manual.get(name)
        cells.append("<td class='look'><small>to mark</small></td>" if score is None
                     else f"<td class='n'>{number(score)}</td>")  # fmt: skip
    mistakes = [
        f"<p><code>{text(name)}</code>: {words(chapter.sentences.get(name, {}).get(mistake, mistake))}</p>"
        for name, mistake in row.mistakes.items()
    ]
    faults = [f"<p><code>{text(name)}</code>: {words(clean_text(told))}</p>" for name, told in row.faults.items()]
    notices = [f"<p class='soft'>{words(clean_text(sentence))}</p>" for sentence in row.notices]
    late = f"<br><small>{number(row.penalty)} off, late</small>" if row.penalty else ""
    total = f"<td class='n'><strong>{number(row.points)}</strong> <small>of {number(chapter.total)}</small>{late}</td>"
    return f"<tr>{first}{total}{''.join(cells)}<td class='said'>{''.join(said + mistakes + faults + notices)}</td></tr>"


def _linked(row: Row, shown: str) -> str:
    return f"<a href='{text(row.feedback)}'>{shown}</a>" if row.feedback else shown


def _everybody(chapters: Sequence[ChapterReport], detailed: bool) -> str:
    """One line per student: the points in every chapter."""
    by_student: dict[str, dict[str, Row]] = {}
    for chapter in chapters:
        for row in chapter.rows:
            by_student.setdefault(row.student, {})[chapter.slug] = row
    students = sorted(by_student)
    heads = ["Student", "Total"]
    heads += [f"{text(chapter.title)} <small>of {number(chapter.total)}</small>" for chapter in chapters]
    rows, flagged = [], []
    for student in students:
        cells, total = [], 0.0
        for chapter in chapters:
            row = by_student[student].get(chapter.slug)
            total += row.points or 0.0 if row else 0.0
            cells.append(_chapter_cell(row, chapter))
        look = any(row.needs_person for row in by_student[student].values())
        flagged.append(Row(student, "", None, needs_person=["look"] if look else []))
        rows.append(
            f"<tr><th scope='row'>{_name(student)}</th><td class='n'><strong>{number(total)}</strong></td>"
            f"{''.join(cells)}</tr>"
        )
    note = "" if detailed else "<p class='soft'>Points per exercise stand in <a href='report.csv'>report.csv</a>.</p>"
    return (
        f"<section aria-labelledby='everybody'><h2 id='everybody'>Everybody</h2>{note}"
        f"{_blocks(flagged, heads, rows, 'Points per chapter')}</section>"
    )


def _chapter_cell(row: Row | None, chapter: ChapterReport) -> str:
    if row is None:
        return "<td class='n soft'>–</td>"
    if row.points is None:
        return f"<td class='look'>{_linked(row, 'look')}</td>"
    kind = "look" if row.needs_person else "k0" if row.points >= chapter.total - 1e-9 else ""
    shade = f" {kind}" if kind else ""
    return f"<td class='n{shade}'>{_linked(row, number(row.points))}</td>"


def _blocks(people: Sequence[Row], heads: Sequence[str], rows: Sequence[str], caption: str) -> str:
    """A table of students; a long one in blocks that open by themselves, the first of them open."""
    columns = "".join(f"<th scope='col'>{head}</th>" for head in heads)
    marked = [row.replace("<tr>", "<tr class='needs'>", 1) if who.needs_person else row
              for who, row in zip(people, rows, strict=True)]  # fmt: skip
    tables = []
    for start in range(0, len(marked), BLOCK):
        part = people[start : start + BLOCK]
        table = (
            f"<div class='scroll' tabindex='0' role='region' aria-label='{text(caption)}'><table class='people'>"
            f"<caption>{text(caption)}</caption><thead><tr>{columns}</tr></thead>"
            f"<tbody>{''.join(marked[start : start + BLOCK])}</tbody></table></div>"
        )
        if len(people) <= BLOCK:
            return f"<div class='blocks'>{table}</div>"
        label = f"{start + 1} to {start + len(part)}: {_name(part[0].student)} to {_name(part[-1].student)}"
        tables.append(f"<details{' open' if start == 0 else ''}><summary>{label}</summary>{table}</details>")
    return f"<div class='blocks'>{''.join(tables)}</div>"


def _table(caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    columns = "".join(f"<th scope='col'>{head}</th>" if head else "<td class='meter'></td>" for head in heads)
    return (
        f"<div class='scroll' tabindex='0' role='region' aria-label='{text(caption)}'><table><caption>{text(caption)}"
        f"</caption><thead><tr>{columns}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


_STYLE = """
header, main { max-width: 90rem; } nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap;
 gap: .3rem 1.2rem; } section { border-top: 1px solid var(--line); margin-top: 2rem; } section h2 { margin-top: 1rem; }
.pair { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; align-items: flex-start; margin: 1rem 0; }
figure { margin: 0; flex: 1 1 20rem; max-width: 34rem; } figcaption { font-weight: 600; margin-bottom: .4rem; }
figure svg { width: 100%; height: auto; } svg text { fill: var(--ink); font-size: 12px; text-anchor: middle; }
svg text.l { text-anchor: start; } svg text.r { text-anchor: end; } svg path { stroke: var(--soft); fill: none; }
svg path.thin { stroke: var(--line); } svg path.median { stroke: var(--ink); stroke-width: 3; }
.b0 { fill: var(--blue); } .b1 { fill: var(--bar1); } .b2 { fill: var(--bar2); } .b3 { fill: var(--bar3); }
.b4 { fill: var(--bar4); } .b5 { fill: none; stroke: var(--soft); stroke-dasharray: 3 2; }
svg text.on1, svg text.on3 { fill: var(--card); } svg text.on2, svg text.on4 { fill: #111; }
svg text.on5 { fill: var(--ink); }
td.n { white-space: nowrap; } .scroll { margin: 1rem 0; } .meter { min-width: 6rem; }
.meter svg { width: 6rem; height: .7rem; }
.k0 { color: var(--good); background: var(--goodbg); } .k1 { color: var(--part); background: var(--partbg); }
.k2, .k3 { color: var(--bad); background: var(--badbg); } .k4, td.look, p.look { color: var(--part);
 background: var(--partbg); } td small { color: inherit; } .people { font-size: .88rem; }
.people tbody th { min-width: 8rem; } .people td a { color: inherit; } .said { min-width: 22rem; }
.what { min-width: 16rem; } @media (max-width: 34rem) { .meter { display: none; } }
.said p { margin: 0 0 .3rem; } p.look { padding: .1rem .4rem; } .filter { display: flex; flex-wrap: wrap;
 gap: .5rem 1.2rem; align-items: center; margin: .6rem 0; } .filter input[type=search] { font: inherit;
 padding: .25rem .5rem; background: var(--card); color: var(--ink); border: 1px solid var(--soft); border-radius: 4px; }
"""
# Adds a filter above each table of students. Without it the tables are all there, block by block.
_SCRIPT = """
"use strict";
for (const blocks of document.querySelectorAll(".blocks")) {
  const bar = document.createElement("div"), label = document.createElement("label");
  const box = document.createElement("input"), only = document.createElement("label");
  const look = document.createElement("input"), told = document.createElement("span");
  bar.className = "filter"; box.type = "search"; look.type = "checkbox"; told.setAttribute("role", "status");
  label.append("Name contains ", box); only.append(look, " only those who need a person");
  bar.append(label, only, told); blocks.before(bar);
  const rows = [...blocks.querySelectorAll("tbody tr")], names = rows.map(r => r.cells[0].textContent.toLowerCase());
  const folds = [...blocks.querySelectorAll("details")], before = folds.map(f => f.open);
  const filter = () => {
    const wanted = box.value.trim().toLowerCase(), active = wanted !== "" || look.checked;
    let count = 0;
    rows.forEach((row, i) => {
      const fits = names[i].includes(wanted) && (!look.checked || row.classList.contains("needs"));
      row.hidden = !fits; count += fits;
    });
    folds.forEach((fold, i) => {
      const any = fold.querySelector("tbody tr:not([hidden])") !== null;
      fold.open = active ? any : before[i]; fold.hidden = active && !any;
    });
    told.textContent = active ? count + " shown" : "";
  };
  box.addEventListener("input", filter); look.addEventListener("change", filter);
}
"""
