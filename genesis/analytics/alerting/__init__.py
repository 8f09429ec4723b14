"""The alert rules: what happens in, alerts out. Pure: the state is plain data, and every time is one of capture."""

from genesis.analytics.alerting.judge import judge_session, judge_zone
from genesis.analytics.alerting.memory import Alerting
from genesis.analytics.alerting.quiet import Quiet, watch
from genesis.analytics.alerting.rulebook import Rulebook

__all__ = ["Alerting", "Quiet", "Rulebook", "judge_session", "judge_zone", "watch"]
