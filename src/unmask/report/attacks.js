// Filters the attack log by round, outcome and text; without it, every attempt that is listed is there to be read.
"use strict";
(() => {
  const [bar, round, outcome, text] = ["filter", "round", "outcome", "text"].map((name) => document.getElementById(`attack-${name}`));
  const campaigns = [...document.querySelectorAll(".campaign")].map((each) => [each, [...each.querySelectorAll(".attempt")]]);

  const filter = () => {
    const wanted = text.value.toLowerCase();
    const fits = (row) => (!round.value || row.dataset.round === round.value)
      && (!outcome.value || row.dataset.outcome.split(" ").includes(outcome.value))
      && (!wanted || row.textContent.toLowerCase().includes(wanted));
    for (const [campaign, rows] of campaigns) {
      const kept = rows.filter((row) => !(row.hidden = !fits(row)));
      campaign.querySelector("output").value = kept.length < rows.length ? `${kept.length} of ${rows.length} listed fit` : "";
    }
  };
  bar.hidden = false;
  for (const each of [round, outcome, text]) each.addEventListener("input", filter);
  filter(); // a browser may bring back what was chosen before
})();
