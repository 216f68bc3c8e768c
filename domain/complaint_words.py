"""The closed lists of words that complaints use (domain.md 2)."""

from domain.labels import Labelled


class Channel(Labelled):
    """How the customer reached the company (source 0, 1.1.15, 1.1.21; 2 s.5; 4 s.6)."""

    PHONE = "phone", "phone", "电话"
    HOTLINE = "hotline", "24 h hotline", "24小时热线"
    EMAIL = "email", "e-mail", "电子邮件"
    WEB_CHAT = "web_chat", "web site chat", "网站在线客服"
    MOBILE_APP = "mobile_app", "mobile app", "手机应用"
    SOCIAL_MEDIA = "social_media", "social media", "社交媒体"
    SMS = "sms", "SMS", "短信"
    FAX = "fax", "fax", "传真"
    COUNTER = "counter", "counter", "柜台"
    PARTNER_API = "partner_api", "partner API", "合作方接口"


class Severity(Labelled):
    """How grave it is (source 1, part 2)."""

    GENERAL = "general", "general", "一般"
    SERIOUS = "serious", "serious", "严重"
    MAJOR = "major", "major", "重大"


class EvidenceKind(Labelled):
    """What a piece of evidence is (source 0, 1.1.17; source 4, 5)."""

    TRACKING_RECORD = "tracking_record", "tracking record", "物流记录"
    CCTV = "cctv", "CCTV recording", "监控录像"
    PHOTOGRAPH = "photograph", "photograph", "照片"
    STATEMENT = "statement", "statement", "书面陈述"
    RECORDING = "recording", "recorded call", "通话录音"
    DOCUMENT = "document", "document", "文件"


class RuleSource(Labelled):
    """What kind of rule a resolution follows (source 0, 1.1.18)."""

    LAW = "law", "law or regulation", "法律法规"
    STANDARD = "standard", "industry standard", "行业标准"
    CONTRACT = "contract", "contract", "合同约定"
    COMPANY_RULE = "company_rule", "company rule", "公司制度"


class Measure(Labelled):
    """What a resolution consists of; money is paid by a claim, never by a complaint."""

    APOLOGY = "apology", "apology", "致歉"
    CORRECTION = "correction", "correction", "更正"
    REDELIVERY = "redelivery", "redelivery", "重新派送"
    REFUND = "refund", "refund, by a claim", "退款（经理赔）"
    COMPENSATION = "compensation", "compensation, by a claim", "赔偿（经理赔）"
    COUPON = "coupon", "coupon, by a claim", "优惠券（经理赔）"
    STAFF_TRAINING = "staff_training", "staff training", "员工培训"
    PENALTY_REFERRAL = "penalty_referral", "referral for a penalty", "移交处罚"
    PROCESS_FIX = "process_fix", "fix of the process", "流程改进"
    EXPLANATION = "explanation", "explanation", "解释说明"


class FollowUpOutcome(Labelled):
    """What the customer said when asked afterwards (回访)."""

    SATISFIED = "satisfied", "satisfied", "满意"
    DISSATISFIED = "dissatisfied", "dissatisfied", "不满意"
    NOT_REACHED = "not_reached", "not reached", "未能联系"


class DemandedBy(Labelled):
    """Whose act an escalation is (升级投诉)."""

    CUSTOMER = "customer", "customer", "客户"
    MANAGER = "manager", "manager", "管理人员"


class LinkedKind(Labelled):
    """What a complaint is linked with."""

    SHIPMENT = "shipment", "shipment", "运单"
    COMPLAINT = "complaint", "complaint", "投诉"


class ChecklistOutcome(Labelled):
    """How an item of the checklist was settled."""

    DONE = "done", "done", "已完成"
    SKIPPED = "skipped", "skipped", "已跳过"


class QualityStep(Labelled):
    """The steps of a quality case (source 1, 4.1.3)."""

    DEPARTMENTS_NOTIFIED = "departments_notified", "departments notified", "已通知相关部门"
    MEETING_HELD = "meeting_held", "meeting of the departments held", "已召开部门会议"
    RESPONSIBILITIES_ASSIGNED = (
        "responsibilities_assigned",
        "responsibilities assigned",
        "已落实责任",
    )
    TECHNICAL_DATA_OBTAINED = "technical_data_obtained", "technical data obtained", "已取得技术资料"
    ENGINEER_ON_SITE = "engineer_on_site", "engineer on site", "工程师已到现场"
    SOLUTION_SENT = "solution_sent", "the engineer's solution sent", "已发送工程师方案"
