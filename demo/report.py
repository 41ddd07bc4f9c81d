#!/usr/bin/env python3
"""Write the demo's page: demo/report.py FILE QUALITY (reads the database demo by psql)."""
import csv
import html
import io
import subprocess
import sys

PALETTE = ["#2f6f9f", "#d98f2b", "#4f9d69", "#b5485d", "#7d63a8", "#3f9a9a", "#8c6d46", "#6b7785"]


def query(sql):
    """Rows of a query as dictionaries."""
    out = subprocess.run(["psql", "-qX", "--csv", "-v", "ON_ERROR_STOP=1", "-d", "demo", "-c", sql],
                         check=True, capture_output=True, text=True).stdout
    return list(csv.DictReader(io.StringIO(out)))


def esc(text):
    return html.escape(str(text))


def grid(rows, row_name, column_name, value):
    """A heat map: one line a row_name, one column a column_name."""
    columns = sorted({r[column_name] for r in rows})
    names = list(dict.fromkeys(r[row_name] for r in rows))
    cell = {(r[row_name], r[column_name]): int(float(r[value] or 0)) for r in rows}
    out = ["<div class=scroll><table class=grid><tr><th></th>"]
    out += [f"<th>{esc(c[5:])}</th>" for c in columns]
    out.append("</tr>")
    for n in names:
        most = max([cell.get((n, c), 0) for c in columns] + [1])
        out.append(f"<tr><th class=name>{esc(n)}</th>")
        for c in columns:
            v = cell.get((n, c), 0)
            out.append(f"<td style='--heat:{v / most:.2f}' title='{esc(n)}, {esc(c)}: {v:,}'>{v:,}</td>")
        out.append("</tr>")
    out.append("</table></div>")
    return "".join(out)


def bars(pairs, unit=""):
    """Horizontal bars from (name, number)."""
    most = max([v for _, v in pairs] + [1])
    height = 26 * len(pairs) + 6
    out = [f"<svg viewBox='0 0 720 {height}' role=img>"]
    for i, (name, v) in enumerate(pairs):
        y = 26 * i + 4
        out.append(f"<text x=225 y={y + 15} text-anchor=end>{esc(name)}</text>"
                   f"<rect x=232 y={y} width={max(1, 400 * v / most):.1f} height=20 rx=3 fill='{PALETTE[i % len(PALETTE)]}'/>"
                   f"<text x={238 + 400 * v / most:.1f} y={y + 15}>{v:,}{esc(unit)}</text>")
    return "".join(out) + "</svg>"


def lines(rows, x, series, value):
    """Stacked columns by week, one colour a series."""
    xs = sorted({r[x] for r in rows})
    names = sorted({r[series] for r in rows})
    cell = {(r[x], r[series]): int(r[value]) for r in rows}
    most = max([sum(cell.get((a, n), 0) for n in names) for a in xs] + [1])
    w = 700 / max(1, len(xs))
    out = ["<svg viewBox='0 0 720 230' role=img>"]
    for i, a in enumerate(xs):
        y = 200.0
        for k, n in enumerate(names):
            h = 185 * cell.get((a, n), 0) / most
            y -= h
            out.append(f"<rect x={10 + i * w:.1f} y={y:.1f} width={max(1, w - 2):.1f} height={h:.1f} fill='{PALETTE[k % len(PALETTE)]}'><title>{esc(a)} {esc(n)}: {cell.get((a, n), 0):,}</title></rect>")
    out.append(f"<text x=10 y=218>{esc(xs[0]) if xs else ''}</text><text x=710 y=218 text-anchor=end>{esc(xs[-1]) if xs else ''}</text></svg><p class=key>")
    out += [f"<span><i style='background:{PALETTE[k % len(PALETTE)]}'></i>{esc(n)}</span>" for k, n in enumerate(names)]
    return "".join(out) + "</p>"


def life(rows):
    """One customer's events on a line a kind."""
    kinds = sorted({r["kind"] for r in rows})
    if not rows:
        return "<p>no events</p>"
    first, last = min(float(r["t"]) for r in rows), max(float(r["t"]) for r in rows)
    span = max(1.0, last - first)
    out = [f"<svg viewBox='0 0 720 {34 * len(kinds) + 26}' role=img>"]
    for i, k in enumerate(kinds):
        y = 20 + 34 * i
        out.append(f"<text x=100 y={y + 4} text-anchor=end>{esc(k)}</text><line x1=112 x2=705 y1={y} y2={y} class=rule />")
        for r in rows:
            if r["kind"] == k:
                out.append(f"<circle cx={112 + 590 * (float(r['t']) - first) / span:.1f} cy={y} r=6 fill='{PALETTE[i % len(PALETTE)]}' fill-opacity=.75><title>{esc(r['at'])} {esc(r['properties'])}</title></circle>")
    out.append(f"<text x=112 y={34 * len(kinds) + 20}>{esc(rows[0]['at'][:10])}</text><text x=705 y={34 * len(kinds) + 20} text-anchor=end>{esc(rows[-1]['at'][:10])}</text></svg>")
    return "".join(out)


def table(rows):
    if not rows:
        return "<p>none</p>"
    head = "".join(f"<th>{esc(k)}</th>" for k in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{esc(v)}</td>" for v in r.values()) + "</tr>" for r in rows)
    return f"<div class=scroll><table class=plain><tr>{head}</tr>{body}</table></div>"


def quality_rows(path):
    """The figures the run printed, from psql's aligned output."""
    rows = []
    for line in open(path, encoding="utf-8"):
        cells = [c.strip() for c in line.split("|")]
        if len(cells) == 7 and cells[0].isdigit():
            rows.append(dict(zip(["seed", "records", "customers", "people", "precision", "recall", "f1"], cells)))
    return rows


def main(path, quality):
    segments = query("SELECT name, size, description, condition FROM customer_data.segment ORDER BY name")
    days = query("""SELECT s.name AS segment, to_char(d, 'YYYY-MM-DD') AS day, customer_data.cardinality(customer_data.segment_as_of(s.name, d)) AS members
        FROM customer_data.segment s, generate_series(date_trunc('day', now()) - interval '13 days', date_trunc('day', now()), interval '1 day') d
        ORDER BY s.name, d""")
    weeks = query("""SELECT to_char(date_trunc('week', e.at), 'YYYY-MM-DD') AS week, e.kind, count(*) AS events
        FROM customer_data.profile p, customer_data.events(p.events) e
        WHERE e.at > now() - interval '26 weeks' GROUP BY 1, 2 ORDER BY 1, 2""")
    stages = query("SELECT stage, count(*) AS customers FROM customer_data.stage_history WHERE journey = 'shop' AND left_at IS NULL GROUP BY 1 ORDER BY 2 DESC")
    one = query("""SELECT to_char(e.at, 'YYYY-MM-DD HH24:MI') AS at, extract(epoch FROM e.at) AS t, e.kind, e.properties
        FROM customer_data.profile p, customer_data.events(p.events) e
        WHERE p.customer_id = customer_data.customer_id_of('shop', 'A-ZHUGE') ORDER BY e.at""")
    why = query("SELECT * FROM customer_data.explain_match('crm', 'K-ZHUGE', 'shop', 'A-ZHUGE')")
    why_not = query("SELECT * FROM customer_data.explain_match('crm', 'K-NAMESAKE', 'shop', 'A-ZHUGE')")
    runs = query("SELECT job, run_id, status, pid AS worker, started_at::timestamp(0) AS started, duration, rows_changed, cause FROM customer_data.job_run ORDER BY started_at DESC LIMIT 8")
    page = f"""<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>customer_data: one company, looked at</title>
<style>
:root {{ --ink:#1d2730; --paper:#fbfaf7; --line:#d9d5cb; --soft:#6b7785; --hot:47,111,159; color-scheme: light dark }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink:#e7e5df; --paper:#171b1f; --line:#3a4249; --soft:#9aa5ae; --hot:98,164,212 }} }}
body {{ font: 15px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; color: var(--ink); background: var(--paper); max-width: 980px; margin: 2rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.7rem; margin-bottom: .2rem }} h2 {{ font-size: 1.15rem; margin: 2.2rem 0 .4rem; border-bottom: 1px solid var(--line) }}
p {{ color: var(--soft); margin: .3rem 0 .8rem }} svg {{ width: 100%; max-width: 820px }} svg text {{ font-size: 12px; fill: var(--ink) }} .rule {{ stroke: var(--line) }}
.scroll {{ overflow-x: auto }} table {{ border-collapse: collapse; font-size: 13px }} .plain td, .plain th {{ text-align: left; padding: .2rem .7rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top }}
.grid td {{ background: rgba(var(--hot), calc(var(--heat) * .75)); padding: .3rem .4rem; text-align: right; border: 2px solid var(--paper); min-width: 2.6rem }}
.grid th {{ font-weight: 500; color: var(--soft); font-size: 12px }} .grid th.name {{ text-align: right; padding-right: .6rem; color: var(--ink) }}
.key span {{ margin-right: 1rem }} .key i {{ display: inline-block; width: .8rem; height: .8rem; border-radius: 2px; margin-right: .3rem; vertical-align: -1px }}
</style>
<h1>One company, looked at</h1><p>Made by demo/run; every figure comes from SQL over the extension's tables and views.</p>
<h2>Segment × day</h2><p>Members of each segment at the start of each of the last fourteen days, asked of the past: segment_as_of(name, day).</p>{grid(days, "segment", "day", "members")}
<h2>Segments now</h2>{bars([(s["name"], int(s["size"] or 0)) for s in segments])}{table([{"segment": s["name"], "what": s["description"], "condition": s["condition"]} for s in segments])}
<h2>Journey</h2><p>Where everybody stands.</p>{bars([(s["stage"], int(s["customers"])) for s in stages])}
<h2>What they did, by week</h2>{lines(weeks, "week", "kind", "events")}
<h2>Who is the same customer</h2><p>Pairwise precision, recall and F1 against the truth the generator kept aside; no labels were used.</p>{table(quality_rows(quality))}
<h2>One customer, three scripts: 諸葛曉雯, 诸葛晓雯, Zhuge Xiaowen</h2>{life(one)}{table(why)}
<p>A namesake, rightly left alone:</p>{table(why_not)}
<h2>Background workers</h2>{table(runs)}
</html>"""
    with open(path, "w", encoding="utf-8") as f:
        f.write(page)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
