"""The look of the page: light and dark, wide and narrow, on a screen and on paper."""

CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d2329; --quiet: #59636e; --line: #d5dae0; --panel: #f4f6f8;
  --blue: #0072b2; --orange: #c04f00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e4e8ec; --quiet: #a3adb8; --line: #3a424c;
  --panel: #1d232a; --blue: #56b4e9; --orange: #f0a13a; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0 auto; max-width: 76rem; padding: 1.2rem clamp(0.8rem, 3vw, 2rem) 3rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 0.3rem; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 0.8rem; padding-top: 0.6rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4rem 0 0.5rem; }
h1, h2, h3, p, li, dd, dt, figcaption { overflow-wrap: anywhere; }
p, ul { max-width: 46rem; margin: 0.5rem 0; }
ul { padding-left: 1.2rem; }
a { color: var(--blue); }
nav { display: flex; flex-wrap: wrap; gap: 0.2rem 1rem; font-size: 0.9rem; margin: 0.6rem 0 1rem; }
.quiet, figcaption, caption, footer { color: var(--quiet); font-size: 0.875rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.7rem; margin: 1rem 0; padding: 0;
  list-style: none; max-width: none; }
.cards li { background: var(--panel); border: 1px solid var(--line); border-radius: 0.5rem; padding: 0.6rem 0.8rem; }
.cards strong { display: block; font-size: 1.6rem; line-height: 1.25; font-variant-numeric: tabular-nums; }
.cards span { display: block; color: var(--quiet); font-size: 0.85rem; }
.box { overflow-x: auto; margin: 0.8rem 0 1.2rem; max-width: 100%; }
.tall { max-height: 26rem; overflow-y: auto; }
.tall thead th { position: sticky; top: 0; background: var(--paper); }
.box:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.3rem; }
th, td { padding: 0.25rem 0.7rem; text-align: left; border-bottom: 1px solid var(--line); vertical-align: top; }
th:first-child, td:first-child { padding-left: 0.2rem; }
thead th { border-bottom: 2px solid var(--quiet); font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 500; min-width: 4.5rem; }
.counts tbody th { min-width: 0; }
th, td { max-width: 22rem; overflow-wrap: break-word; }
.figure { text-align: right; white-space: nowrap; }
dl { margin: 0.5rem 0 1rem; display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr));
  gap: 0 2rem; font-size: 0.9rem; }
dl div { display: flex; gap: 0.8rem; border-bottom: 1px solid var(--line); padding: 0.25rem 0; min-width: 0; }
dt { color: var(--quiet); flex: 0 0 9rem; }
dd { margin: 0; min-width: 0; }
.gallery { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1.2rem 2rem;
  align-items: start; margin: 0.8rem 0; }
figure { margin: 0; max-width: 33rem; min-width: 0; }
svg.chart { display: block; width: 100%; height: auto; color: var(--ink); font-family: inherit; }
.counts td { text-align: center; min-width: 2.6rem; border: 1px solid var(--paper);
  background: color-mix(in srgb, var(--blue) calc(var(--share) * 55%), transparent); }
.counts td.right { outline: 2px solid var(--quiet); outline-offset: -3px; }
.counts td.none { color: var(--quiet); }
.counts thead th { text-align: center; }
.bar { width: 22rem; vertical-align: middle; }
.bar span { min-width: 1px; }
.bar span { display: block; height: 0.8rem; background: var(--blue); border-radius: 0 0.2rem 0.2rem 0; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 0.4rem; padding: 0.7rem 0.9rem; margin: 0;
  font: 0.9rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { margin-top: 2.5rem; }
@media (max-width: 40rem) { .bar { min-width: 5rem; width: 5rem; } th, td { padding: 0.25rem 0.45rem; max-width: 9rem; } }
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --quiet: #444; --line: #bbb; --panel: #fff; --blue: #0072b2;
    --orange: #c04f00; }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .box { overflow: visible; max-height: none; }
  figure, tr, .cards li { break-inside: avoid; }
  h2 { break-after: avoid; }
  .counts td, .bar span { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
