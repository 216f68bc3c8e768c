"""What the product ships with: the policies and calendars of a new installation."""

from zoneinfo import ZoneInfo

from application.calendars import ship_calendars
from application.complaint_policies import ShipComplaintPolicy
from application.dispatch import Call, Dispatcher
from application.service_level_policies import ShipServiceLevelPolicies


async def load_standard_content(dispatcher: Dispatcher, call: Call, zone: ZoneInfo) -> None:
    """Load what is missing of it, at every start; what is there already stays as it is.

    ``zone`` is that of business rules. The calendars come before the policies that name them.
    """
    await dispatcher.execute(ShipComplaintPolicy(), call)
    await ship_calendars(dispatcher, call)
    await dispatcher.execute(ShipServiceLevelPolicies(time_zone=zone.key), call)
