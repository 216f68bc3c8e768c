"""Deadlines worked by hand in zones that change their clocks, with Saturdays and Sundays off.

The offsets are those that the laws of the day gave; UTC is local time minus the offset.
"""

from tests.sla.hand_worked import Row

NEW_YORK = "America/New_York"
SAO_PAULO = "America/Sao_Paulo"
LONDON = "Europe/London"
LORD_HOWE = "Australia/Lord_Howe"
HAVANA = "America/Havana"
WEEKENDS = "weekends"

NEW_YORK_2026 = (
    Row(
        "newyork-24h-spring",
        *("2026-03-07 12:00", "24 h", "2026-03-08 13:00", "2026-03-08 17:00"),
        "12:00 is 17:00 in UTC; 24 hours later the clocks are one hour ahead: 13:00.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-24h-autumn",
        *("2026-10-31 12:00", "24 h", "2026-11-01 11:00", "2026-11-01 16:00"),
        "12:00 is 16:00 in UTC; 24 hours later the clocks are one hour back: 11:00.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-4h-over-the-repeated-hour",
        *("2026-11-01 00:30", "4 h", "2026-11-01 03:30", "2026-11-01 08:30"),
        "00:30 is 04:30 in UTC; the hour from 01:00 comes twice, so four hours end at 03:30.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-30min-from-the-second-0145",
        *("2026-11-01 01:45-05:00", "30 min", "2026-11-01 02:15", "2026-11-01 07:15"),
        "The second 01:45 is 06:45 in UTC.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-30min-from-the-first-0145",
        *("2026-11-01 01:45-04:00", "30 min", "2026-11-01 01:15", "2026-11-01 06:15"),
        "The first 01:45 is 05:45 in UTC; half an hour later the clocks say 01:15 again.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-7cd-spring",
        *("2026-03-04 09:00", "7 calendar days", "2026-03-11 24:00", "2026-03-12 04:00"),
        "5 to 11 March: 7; midnight is 04:00 in UTC after the change.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-7cd-autumn",
        *("2026-10-28 09:00", "7 calendar days", "2026-11-04 24:00", "2026-11-05 05:00"),
        "29 October to 4 November: 7; midnight is 05:00 in UTC after the change.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-1cd-the-day-of-23-hours",
        *("2026-03-07 09:00", "1 calendar day", "2026-03-08 24:00", "2026-03-09 04:00"),
        "Sun 8 March lasts 23 hours; it would roll to Mon 9.",
        rolled="2026-03-09",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-3wd-spring",
        *("2026-03-06 15:00", "3 working days", "2026-03-11 24:00", "2026-03-12 04:00"),
        "Mon 9, Tue 10, Wed 11: 3.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-3wd-autumn",
        *("2026-10-30 15:00", "3 working days", "2026-11-04 24:00", "2026-11-05 05:00"),
        "Mon 2, Tue 3, Wed 4 November: 3.",
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
    Row(
        "newyork-8h-paused-over-the-spring-change",
        *("2026-03-07 23:00", "8 h", "2026-03-08 10:00", "2026-03-08 14:00"),
        "23:00 is 04:00 in UTC, due 12:00 UTC; 01:30 to 04:30 is two hours by the elapsed time, "
        "since 02:00 to 03:00 did not exist: 14:00 UTC.",
        pauses=(("2026-03-08 01:30", "2026-03-08 04:30"),),
        calendar=WEEKENDS,
        zone=NEW_YORK,
    ),
)

SAO_PAULO_WITHOUT_MIDNIGHT = (
    Row(
        "saopaulo-1cd-ends-at-a-midnight-that-did-not-exist-2017",
        *("2017-10-13 10:00", "1 calendar day", "2017-10-15 01:00", "2017-10-15 03:00"),
        "Sat 14 October ended when 00:00 became 01:00, at 03:00 in UTC. It would roll to Mon 16.",
        rolled="2017-10-16",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-1wd-over-the-change-2017",
        *("2017-10-13 10:00", "1 working day", "2017-10-16 24:00", "2017-10-17 02:00"),
        "Mon 16 October: 1; midnight is 02:00 in UTC in summer.",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-7cd-ends-at-a-midnight-that-did-not-exist-2018",
        *("2018-10-27 10:00", "7 calendar days", "2018-11-04 01:00", "2018-11-04 03:00"),
        "28 October to 3 November: 7; Sat 3 November ended at 03:00 in UTC. Rolled: Mon 5.",
        rolled="2018-11-05",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-24h-over-the-change-2018",
        *("2018-11-03 12:00", "24 h", "2018-11-04 13:00", "2018-11-04 15:00"),
        "12:00 is 15:00 in UTC; a day later the clocks are one hour ahead.",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-1wd-start-on-the-day-without-midnight",
        *("2018-11-04 01:00", "1 working day", "2018-11-05 24:00", "2018-11-06 02:00"),
        "Sun 4 November began at 01:00. Mon 5: 1.",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-1cd-the-day-of-25-hours",
        *("2018-02-16 09:00", "1 calendar day", "2018-02-17 24:00", "2018-02-18 03:00"),
        "On Sat 17 February the hour from 23:00 came twice; the day ended at 03:00 in UTC. Rolled: "
        "Mon 19.",
        rolled="2018-02-19",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-30min-into-the-repeated-hour",
        *("2018-02-17 23:45-02:00", "30 min", "2018-02-17 23:15", "2018-02-18 02:15"),
        "The first 23:45 is 01:45 in UTC; half an hour later it is 23:15 for the second time.",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
    Row(
        "saopaulo-1cd-start-in-the-second-2330",
        *("2018-02-17 23:30-03:00", "1 calendar day", "2018-02-18 24:00", "2018-02-19 03:00"),
        "The second 23:30 is 02:30 in UTC of the 18th but still the local 17th. Sun 18: 1; rolled: "
        "Mon 19.",
        rolled="2018-02-19",
        calendar=WEEKENDS,
        zone=SAO_PAULO,
    ),
)

OTHER_ZONES = (
    Row(
        "london-24h-spring",
        *("2026-03-28 10:00", "24 h", "2026-03-29 11:00", "2026-03-29 10:00"),
        "The clocks went ahead in the night.",
        calendar=WEEKENDS,
        zone=LONDON,
    ),
    Row(
        "london-3wd-autumn",
        *("2026-10-22 10:00", "3 working days", "2026-10-27 24:00", "2026-10-28 00:00"),
        "Fri 23, Mon 26, Tue 27 October: 3; winter time is UTC.",
        calendar=WEEKENDS,
        zone=LONDON,
    ),
    Row(
        "london-7cd-spring",
        *("2026-03-24 10:00", "7 calendar days", "2026-03-31 24:00", "2026-03-31 23:00"),
        "25 to 31 March: 7; summer time is one hour ahead of UTC.",
        calendar=WEEKENDS,
        zone=LONDON,
    ),
    Row(
        "shanghai-24h-never-changes",
        *("2026-03-07 12:00", "24 h", "2026-03-08 12:00", "2026-03-08 04:00"),
        "Shanghai keeps no summer time.",
        calendar=WEEKENDS,
    ),
    Row(
        "lordhowe-24h-autumn-half-an-hour",
        *("2026-04-04 12:00", "24 h", "2026-04-05 11:30", "2026-04-05 01:00"),
        "12:00 is 01:00 in UTC (11 hours ahead); the next day the island is 10.5 hours ahead.",
        calendar=WEEKENDS,
        zone=LORD_HOWE,
    ),
    Row(
        "lordhowe-3wd-autumn",
        *("2026-04-02 12:00", "3 working days", "2026-04-07 24:00", "2026-04-07 13:30"),
        "Fri 3, Mon 6, Tue 7 April: 3; 10.5 hours ahead.",
        calendar=WEEKENDS,
        zone=LORD_HOWE,
    ),
    Row(
        "lordhowe-1cd-spring",
        *("2026-10-03 12:00", "1 calendar day", "2026-10-04 24:00", "2026-10-04 13:00"),
        "Sun 4 October, the day of the change, ends 11 hours ahead. Rolled: Mon 5.",
        rolled="2026-10-05",
        calendar=WEEKENDS,
        zone=LORD_HOWE,
    ),
    Row(
        "havana-1cd-ends-at-the-first-of-two-midnights",
        *("2026-10-30 09:00", "1 calendar day", "2026-10-31 24:00", "2026-11-01 04:00"),
        "On 1 November the hour from 00:00 comes twice; Sat 31 ends when it comes first, at 04:00 "
        "in UTC. Rolled: Mon 2.",
        rolled="2026-11-02",
        calendar=WEEKENDS,
        zone=HAVANA,
    ),
)

ROWS = (*NEW_YORK_2026, *SAO_PAULO_WITHOUT_MIDNIGHT, *OTHER_ZONES)
