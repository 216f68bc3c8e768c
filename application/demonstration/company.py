"""The demonstration company: head office, departments, regions, branches, outlets, and its past.

Places are real, the company and everybody in it are not. Dates are days before the demonstration's
end, so that the company looks the same on whatever day it ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from application.dispatch import Command
from application.organisation import CloseUnit, FoundUnit, MoveUnit, RenameUnit
from domain.organisation import UnitKey, UnitKind
from domain.shipment import ServiceClass

HEAD_OFFICE: Final = UnitKey(UnitKind.HEAD_OFFICE, "总部")
HONG_KONG_MACAU: Final = "港澳"


@dataclass(frozen=True, slots=True)
class Place:
    """An outlet and the city that it delivers to."""

    region: str
    city: str
    city_en: str
    outlet: str
    outlet_en: str
    closed_on: int | None = None


@dataclass(frozen=True, slots=True)
class UnitStep:
    """What happened to a unit, so many days before the demonstration's end."""

    days: int
    key: str
    command: type[Command[Any]]
    fields: dict[str, Any]


CUSTOMER_SERVICE: Final = "客服部"
OPERATIONS: Final = "运营部"
TRANSIT: Final = "中转部"
CLAIMS: Final = "理赔部"
QUALITY: Final = "质检部"
TECHNOLOGY: Final = "信息技术部"
MARKETING: Final = "市场部"
FINANCE: Final = "财务部"
COMPLIANCE: Final = "合规部"
EMERGENCY: Final = "应急办"

DEPARTMENTS: Final = {
    CUSTOMER_SERVICE: "Customer Service",
    OPERATIONS: "Operations",
    TRANSIT: "Transit Hubs",
    CLAIMS: "Claims",
    QUALITY: "Quality Control",
    TECHNOLOGY: "Information Technology",
    MARKETING: "Marketing",
    FINANCE: "Finance",
    COMPLIANCE: "Compliance and Audit",
    EMERGENCY: "Contingency Planning",
}
_REGIONS: Final = {
    "华东": "East China",
    "华南": "South China",
    "华北": "North China",
    "西南": "Southwest China",
    "华中": "Central China",
    "西北": "Northwest China",
    "东北": "Northeast China",
    HONG_KONG_MACAU: "Hong Kong and Macau",
}
_CITIES: Final = (
    ("华东", "上海 Shanghai", ("浦东 Pudong", "静安 Jing'an", "闵行 Minhang")),
    ("华东", "杭州 Hangzhou", ("西湖 Xihu", "余杭 Yuhang", "滨江 Binjiang")),
    ("华东", "南京 Nanjing", ("鼓楼 Gulou", "江宁 Jiangning", "建邺 Jianye")),
    ("华东", "苏州 Suzhou", ("姑苏 Gusu", "吴中 Wuzhong")),
    ("华东", "宁波 Ningbo", ("海曙 Haishu", "鄞州 Yinzhou")),
    ("华东", "青岛 Qingdao", ("市南 Shinan", "崂山 Laoshan")),
    ("华南", "广州 Guangzhou", ("天河 Tianhe", "番禺 Panyu", "白云 Baiyun")),
    ("华南", "深圳 Shenzhen", ("南山 Nanshan", "福田 Futian", "龙岗 Longgang")),
    ("华南", "厦门 Xiamen", ("思明 Siming", "集美 Jimei")),
    ("华北", "北京 Beijing", ("朝阳 Chaoyang", "海淀 Haidian", "丰台 Fengtai")),
    ("华北", "天津 Tianjin", ("和平 Heping", "南开 Nankai")),
    ("华北", "石家庄 Shijiazhuang", ("长安 Chang'an", "裕华 Yuhua")),
    ("西南", "成都 Chengdu", ("锦江 Jinjiang", "武侯 Wuhou", "双流 Shuangliu")),
    ("西南", "重庆 Chongqing", ("渝中 Yuzhong", "江北 Jiangbei", "九龙坡 Jiulongpo")),
    ("西南", "昆明 Kunming", ("五华 Wuhua", "官渡 Guandu")),
    ("西南", "贵阳 Guiyang", ("云岩 Yunyan", "南明 Nanming")),
    ("华中", "武汉 Wuhan", ("武昌 Wuchang", "江汉 Jianghan", "洪山 Hongshan")),
    ("华中", "长沙 Changsha", ("岳麓 Yuelu", "雨花 Yuhua")),
    ("华中", "郑州 Zhengzhou", ("金水 Jinshui", "二七 Erqi")),
    ("西北", "西安 Xi'an", ("雁塔 Yanta", "碑林 Beilin", "未央 Weiyang")),
    ("西北", "兰州 Lanzhou", ("城关 Chengguan",)),
    ("东北", "沈阳 Shenyang", ("和平 Heping", "铁西 Tiexi")),
    ("东北", "大连 Dalian", ("中山 Zhongshan", "甘井子 Ganjingzi")),
    ("东北", "哈尔滨 Harbin", ("南岗 Nangang", "道里 Daoli")),
    (HONG_KONG_MACAU, "香港 Hong Kong", ("九龙 Kowloon", "沙田 Sha Tin")),
    (HONG_KONG_MACAU, "澳门 Macau", ("花地玛 Fatima",)),
)
_FOUNDED: Final = 4000
_CLOSED_OUTLETS: Final = {"深圳龙岗网点": 260}
_MOVED_OUTLET: Final = ("苏州吴中网点", "苏州分公司", 420)
_RENAMED_DEPARTMENT: Final = (TECHNOLOGY, "IT", "网络部", 510)


def _places() -> Iterator[Place]:
    for region, city, districts in _CITIES:
        zh, _, en = city.partition(" ")
        for district in districts:
            district_zh, _, district_en = district.partition(" ")
            outlet = f"{zh}{district_zh}网点"
            yield Place(
                region, zh, en, outlet, f"{en} {district_en} outlet", _CLOSED_OUTLETS.get(outlet)
            )


PLACES: Final = tuple(_places())
FEW_PLACES: Final = tuple(
    next(place for place in PLACES if place.outlet == outlet)
    for outlet in (
        *("杭州西湖网点", "深圳南山网点", "北京朝阳网点", "重庆渝中网点", "香港九龙网点"),
    )
)
"""What the small company has."""


def department(code: str) -> UnitKey:
    """Return the key of a department."""
    return UnitKey(UnitKind.DEPARTMENT, code)


def branch(city: str) -> UnitKey:
    """Return the key of a city's branch."""
    return UnitKey(UnitKind.BRANCH, f"{city}分公司")


def service_between(origin: Place, destination: Place) -> ServiceClass:
    """Return how far it is from one place to another."""
    if HONG_KONG_MACAU in {origin.region, destination.region}:
        return ServiceClass.HK_MACAU_TAIWAN
    if origin.city == destination.city:
        return ServiceClass.SAME_CITY
    pair = {origin.city, destination.city}
    if pair in ({"广州", "深圳"}, {"南京", "苏州"}, {"杭州", "宁波"}, {"沈阳", "大连"}):
        return ServiceClass.SAME_PROVINCE
    return ServiceClass.INTER_PROVINCE


def levels(places: tuple[Place, ...]) -> list[list[UnitStep]]:
    """Return the founding of all units, level by level, and then what happened to some of them."""
    regions = dict.fromkeys(place.region for place in places)
    cities = {place.city: place for place in places}
    units = [
        [_found(_FOUNDED, HEAD_OFFICE, "Swallow Express (demo)", "归燕速运（演示）", None)],
        [
            *(_department(number, code) for number, code in enumerate(DEPARTMENTS)),
            *(
                _found(3600 - 40 * number, _region(code), _REGIONS[code], code, HEAD_OFFICE)
                for number, code in enumerate(regions)
            ),
        ],
        [
            _found(3000 - 20 * number, branch(city), f"{place.city_en} branch",
                   branch(city).code, _region(place.region))
            for number, (city, place) in enumerate(cities.items())
        ],
        [_outlet(number, place) for number, place in enumerate(places)],
    ]  # fmt: skip
    return [*units, list(_later(places))]


def _later(places: tuple[Place, ...]) -> Iterator[UnitStep]:
    code, _, _, days = _RENAMED_DEPARTMENT
    yield UnitStep(
        days,
        f"rename:{code}",
        RenameUnit,
        {"unit": department(code), "name_en": DEPARTMENTS[code], "name_zh": code},
    )
    outlets = {place.outlet: place for place in places}
    outlet, parent, days = _MOVED_OUTLET
    if outlet in outlets:
        fields = {"unit": _outlet_key(outlet), "parent": UnitKey(UnitKind.BRANCH, parent)}
        yield UnitStep(days, f"move:{outlet}", MoveUnit, fields)
    for place in places:
        if place.closed_on is not None:
            key = _outlet_key(place.outlet)
            yield UnitStep(place.closed_on, f"close:{key}", CloseUnit, {"unit": key})


def _department(number: int, code: str) -> UnitStep:
    names = (DEPARTMENTS[code], code)
    if code == _RENAMED_DEPARTMENT[0]:
        names = _RENAMED_DEPARTMENT[1:3]
    return _found(3900 - 30 * number, department(code), *names, HEAD_OFFICE)


def _outlet(number: int, place: Place) -> UnitStep:
    parent = branch("上海") if place.outlet == _MOVED_OUTLET[0] else branch(place.city)
    return _found(
        2400 - 20 * number, _outlet_key(place.outlet), place.outlet_en, place.outlet, parent
    )


def _found(days: int, key: UnitKey, name_en: str, name_zh: str, parent: UnitKey | None) -> UnitStep:
    fields = {"unit": key, "name_en": name_en, "name_zh": name_zh, "parent": parent}
    return UnitStep(days, f"found:{key}", FoundUnit, fields)


def _region(code: str) -> UnitKey:
    return UnitKey(UnitKind.REGION, code)


def _outlet_key(code: str) -> UnitKey:
    return UnitKey(UnitKind.OUTLET, code)
