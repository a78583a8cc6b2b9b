"""Red teams. To add one: copy prompted.py, add a line here; tests/contracts covers it from then
on."""

from unmask.core.registry import Registry
from unmask.defenses.red_teams.red_team import RedTeam

RED_TEAMS: Registry[RedTeam] = Registry(
    "red_team",
    {
        "trained": "unmask.defenses.red_teams.trained:Trained",
        "prompted": "unmask.defenses.red_teams.prompted:Prompted",
    },
)
