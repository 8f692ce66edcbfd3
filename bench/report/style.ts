/** The page's own style: one column on a phone, two on a desk; light and dark as the reader's system has it. */
export const style = `
:root { color-scheme: light dark; --page: #f7f7f5; --card: #fff; --ink: #1d1f23; --soft: #62666d; --line: #dfe0dc; --ours: #2f6fdb; --rival: #b4b8bf; --whisker: #1d1f23; --good: #177a45; --bad: #b3341f; --goodback: #e2f3e8; --badback: #fae6e1; --softback: #ececea; }
@media (prefers-color-scheme: dark) { :root { --page: #131519; --card: #1c1f25; --ink: #e9eaec; --soft: #9ba1ab; --line: #30343c; --ours: #5b93f0; --rival: #5b616b; --whisker: #e9eaec; --good: #6fd39b; --bad: #ff9a84; --goodback: #173625; --badback: #45211a; --softback: #2a2e35; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
main { max-width: 1560px; margin: 0 auto; padding: 36px 28px 64px; }
h1 { font-size: 27px; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 19px; margin: 44px 0 6px; }
h3 { font-size: 15px; margin: 0 0 8px; font-weight: 600; }
p { margin: 0 0 14px; color: var(--soft); max-width: 78ch; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 16px 0 0; padding: 0; list-style: none; }
.facts b { display: block; font-weight: 400; font-size: 12px; color: var(--soft); }
.grid { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 620px), 1fr)); gap: 18px; align-items: start; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px 18px 12px; min-width: 0; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; font-weight: 400; font-size: 12px; color: var(--soft); }
th, td { padding: 7px 14px 7px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.big { font-weight: 600; font-size: 16px; }
td.how { color: var(--soft); max-width: 62ch; }
td.meter { width: 190px; min-width: 150px; padding-top: 11px; }
@media (max-width: 760px) { main { padding: 24px 14px; } .meter { display: none; } td.how { min-width: 260px; } }
.chip { display: inline-block; padding: 1px 9px; border-radius: 99px; font-size: 12px; white-space: nowrap; background: var(--softback); color: var(--soft); }
.chip.good { background: var(--goodback); color: var(--good); }
.chip.bad { background: var(--badback); color: var(--bad); }
svg { display: block; width: 100%; height: auto; }
svg text { font-size: 13px; fill: var(--ink); dominant-baseline: central; }
svg .value { paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round; }
svg .label { text-anchor: end; fill: var(--soft); }
svg .own { fill: var(--ink); }
svg .share, svg .mark { fill: var(--soft); }
svg .mark { font-size: 12px; dominant-baseline: auto; }
svg .ours, .key .ours { fill: var(--ours); background: var(--ours); }
svg .rival, .key .rival { fill: var(--rival); background: var(--rival); }
svg .whisker { stroke: var(--whisker); stroke-width: 1; fill: none; opacity: 0.65; }
svg .box { stroke: var(--whisker); stroke-width: 4; opacity: 0.5; }
svg .ceiling { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 3 3; fill: none; }
svg .track { fill: var(--softback); }
svg .goal { stroke: var(--ink); stroke-width: 2; }
.key { display: flex; flex-wrap: wrap; gap: 6px 22px; font-size: 13px; color: var(--soft); margin: 0 0 14px; }
.key i { display: inline-block; width: 22px; height: 10px; border-radius: 2px; margin-right: 7px; }
.key .line { height: 0; border-top: 1px dashed var(--soft); vertical-align: middle; }
.key .spread { height: 4px; background: var(--whisker); opacity: 0.5; vertical-align: middle; }
code { font: 13px ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
@media print { .card { break-inside: avoid; } }
`;
