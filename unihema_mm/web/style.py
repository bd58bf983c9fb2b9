"""Look of the page."""

CSS = """
.notice { background: #fff4d6; color: #4d3800; border: 1px solid #e0b84c; border-radius: 4px;
  padding: 6px 10px; margin: 0; font-weight: 600; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; align-items: baseline; }
.legend b { flex-basis: 100%; }
.legend .entry { white-space: nowrap; }
.legend .swatch { display: inline-block; width: 12px; height: 12px; margin-right: 5px;
  border: 1px solid #888; }
.legend .note { flex-basis: 100%; }
.cell img { max-width: 100%; border-radius: 4px; margin-bottom: 6px; }
.cell b { font-size: 1.1em; }
.cell.hint { opacity: 0.75; }
.wide { overflow-x: auto; }
.legend table td, .cell table td, .progress table td, table.attributes td, table.attributes th {
  padding: 2px 10px 2px 0; text-align: left; vertical-align: top; overflow-wrap: anywhere; }
table.attributes { font-size: 0.85em; }
table.attributes td, table.attributes th { white-space: nowrap; }
.progress table { width: 100%; table-layout: fixed; }
.progress td:first-child:not(:last-child) { width: 38%; }
.legend table td, .cell table td, .progress table td, table.attributes td, table.attributes th,
.legend tr, .cell tr, .progress tr, table.attributes tr {
  border: 0 !important; border-bottom: 1px solid var(--border-color-primary) !important; }
.legend table, .cell table, .progress table, table.attributes {
  border: 0 !important; border-collapse: collapse; }
.progress .waiting { opacity: 0.6; }
.progress .running { font-weight: 600; }
.progress .failed td { color: #b00020; }
.dark .progress .failed td { color: #ff8a95; }
#samples .grid-wrap { padding-top: 22px; }
#samples .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
#picture img { image-rendering: auto; cursor: crosshair; }
"""
