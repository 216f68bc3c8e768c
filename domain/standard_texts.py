"""Standard texts per category, from which a feedback or an answer begins (domain.md 13).

They say what the documents prescribe for the category (source 0, 1.1.22-1.1.26; sources 1 and 2).
Words in braces are filled in by whoever writes: ``number``, ``waybill``, ``outcome``, the last as a
clause without its full stop.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from domain.categories import Category
from domain.labels import Labelled


class Purpose(Labelled):
    """What a text is for."""

    FIRST_FEEDBACK = "first_feedback", "first feedback", "首次反馈"
    ANSWER = "answer", "answer", "答复"


@dataclass(frozen=True, slots=True)
class StandardText:
    """A text in both languages."""

    en: str
    zh: str


def _texts(feedback: StandardText, answer: StandardText) -> Mapping[Purpose, StandardText]:
    return {Purpose.FIRST_FEEDBACK: feedback, Purpose.ANSWER: answer}


STANDARD_TEXTS: Final[Mapping[Category, Mapping[Purpose, StandardText]]] = {
    Category.COURIER_ATTITUDE: _texts(
        StandardText(
            "We have taken down your complaint {number} about the conduct of our courier, and we"
            " are sorry for what you met with. A colleague who had no part in it will hear the"
            " courier and the outlet, and you will have our answer within three working days.",
            "您反映快递员服务态度的投诉（编号{number}）我们已受理，给您带来不愉快的感受，"
            "我们深表歉意。我们将安排与此事无关的同事向当事人和网点核实，"
            "并在三个工作日内答复您。",
        ),
        StandardText(
            "We have looked into how our courier treated you, and we apologise for it. The outcome:"
            " {outcome}. Those involved are trained in courteous service, and a grave case is"
            " referred for a penalty under our rules.",
            "关于您反映的快递员服务态度问题，我们已核实清楚，并再次向您致歉。处理结果：{outcome}。"
            "当事人员须参加服务规范培训，情节严重的，按公司制度移交处罚。",
        ),
    ),
    Category.AGENT_ATTITUDE: _texts(
        StandardText(
            "Thank you for telling us how our customer service treated you; your complaint is"
            " {number}. We will listen to the recorded call, and the agent concerned takes no part"
            " in handling the case.",
            "感谢您指出我们客服人员的服务问题，投诉编号为{number}。我们将调取通话录音逐一核实，"
            "被反映的客服人员不参与本案的处理。",
        ),
        StandardText(
            "We have gone through the record of your contact with our agent, and we apologise for"
            " the tone and the lack of help. The outcome: {outcome}.",
            "我们已复核您与客服人员的沟通记录，对其语气和处理方式向您致歉。处理结果：{outcome}，"
            "我们也会以此案例开展沟通技巧培训。",
        ),
    ),
    Category.DELAY: _texts(
        StandardText(
            "We are sorry that your parcel is late; your complaint is {number}. The measures for"
            " delays have started: we trace the shipment, put it first for delivery, and tell you"
            " where it is and when it will come.",
            "您的快件未能按时送达，我们深表歉意，投诉编号为{number}。延误处理措施已经启动："
            "我们正在追踪快件、优先安排派送，并会告知您所在位置和预计送达时间。",
        ),
        StandardText(
            "We have traced shipment {waybill} along its whole way and apologise for the delay. The"
            " outcome: {outcome}. Where compensation is due, we decide on your claim within ten"
            " working days of receiving it.",
            "我们已逐环节核查运单{waybill}，对此次延误向您致歉。处理结果：{outcome}。"
            "涉及赔偿的，我们在收到申请后十个工作日内处理完毕。",
        ),
    ),
    Category.LOSS: _texts(
        StandardText(
            "We take the report that your parcel is missing very seriously; your complaint is"
            " {number}. We search the hubs and the outlet now, and compare scans and camera"
            " recordings; please keep the proof of posting and of the value.",
            "您反映快件丢失的情况我们高度重视，投诉编号为{number}。我们已在中转场和网点展开查找，"
            "并比对扫描记录和监控录像，请您保留寄件凭证和价值证明。",
        ),
        StandardText(
            "We have finished the search for shipment {waybill}, and we apologise for the worry it"
            " caused you. The outcome: {outcome}. An insured parcel is made good by its declared"
            " value, any other by the loss that you can prove, as civil law provides.",
            "运单{waybill}的查找工作已经结束，对给您造成的困扰深表歉意。处理结果：{outcome}。"
            "保价快件按声明价值赔偿，未保价快件依照民事法律按可证明的损失赔偿。",
        ),
    ),
    Category.DAMAGE: _texts(
        StandardText(
            "We are sorry that your goods arrived damaged; your complaint is {number}. Please send"
            " us photographs of the goods, the padding and the outer box, and keep all of them"
            " until we have answered.",
            "您的物品在运输中受损，我们十分抱歉，投诉编号为{number}。"
            "请提供物品、填充物和外包装的照片，并在我们答复之前妥善保留原物和包装。",
        ),
        StandardText(
            "We have examined your photographs and the handling of shipment {waybill}, and we"
            " apologise for the damage. The outcome: {outcome}; what cannot be repaired or replaced"
            " is compensated through a claim.",
            "我们已查看您提供的照片，并核查运单{waybill}的操作过程，对物品损坏向您致歉。"
            "处理结果：{outcome}；无法修复或补寄的，通过理赔予以赔偿。",
        ),
    ),
    Category.WAYBILL_ERROR: _texts(
        StandardText(
            "Thank you for pointing out the wrong waybill number; your complaint is {number}. We"
            " correct it at once and check where the parcel really is.",
            "感谢您指出运单号有误，投诉编号为{number}。我们正在立即更正单号，并核对快件的实际位置。",
        ),
        StandardText(
            "The waybill number is corrected: please track your parcel under {waybill} from now on."
            " The outcome: {outcome}. If the mistake made it late, the delay is compensated like"
            " any other.",
            "运单号已更正，请您今后以{waybill}查询快件。处理结果：{outcome}。"
            "因单号错误造成延误的，按延误规定予以赔偿。",
        ),
    ),
    Category.ADDRESS_ERROR: _texts(
        StandardText(
            "Thank you for telling us about the wrong address; your complaint is {number}. Please"
            " confirm the right one: we correct it in our system at once and stop the parcel from"
            " going astray.",
            "感谢您及时反映地址有误，投诉编号为{number}。请确认正确的地址，"
            "我们会立即在系统中更正，并拦截快件以免误送。",
        ),
        StandardText(
            "We have corrected the address in our system and apologise for the mistake. The"
            " outcome: {outcome}. If it caused a delay, we also check what compensation you are"
            " due.",
            "系统中的地址已更正，对此差错向您致歉。处理结果：{outcome}。"
            "如因此造成延误，我们将一并核算应给予的赔偿。",
        ),
    ),
    Category.SUGGESTION: _texts(
        StandardText(
            "Thank you for your suggestion, which we keep under {number}. It goes to the department"
            " that can act on it, and we will tell you what it thinks.",
            "感谢您的宝贵建议，登记编号为{number}。我们已转交能够落实的部门，并会向您反馈部门的意见。",
        ),
        StandardText(
            "The department concerned has considered your suggestion: {outcome}. We are grateful"
            " that you help us to serve you better.",
            "相关部门已认真研究您的建议：{outcome}。感谢您帮助我们改进服务，欢迎继续提出意见。",
        ),
    ),
    Category.ENQUIRY: _texts(
        StandardText(
            "Thank you for your question, which we keep under {number}. If we cannot answer it at"
            " once, a colleague who knows the subject will do so within 24 hours.",
            "感谢您的咨询，登记编号为{number}。如不能当场解答，我们将请熟悉该业务的同事在24小时内回复您。",
        ),
        StandardText(
            "Here is our answer to your question: {outcome}. Please ask us again whenever something"
            " remains unclear.",
            "关于您咨询的问题，答复如下：{outcome}。如仍有不清楚的地方，欢迎随时联系我们。",
        ),
    ),
    Category.PRODUCT_QUALITY: _texts(
        StandardText(
            "We have received your report about the quality of the goods; your complaint is"
            " {number}. The departments concerned were told at once, and our quality engineer will"
            " come back to you with a solution within eight hours.",
            "您反映的产品质量问题已收到，投诉编号为{number}。我们已立即通知相关部门，"
            "质量工程师将在8小时内向您回复解决方案。",
        ),
        StandardText(
            "The departments concerned have met over your report and settled who does what. The"
            " engineer's solution: {outcome}. Where it is needed, the engineer also comes to you.",
            "相关部门已就您反映的质量问题召开会议并落实责任。工程师的解决方案：{outcome}。"
            "如有需要，工程师将到现场处理。",
        ),
    ),
    Category.DELIVERY: _texts(
        StandardText(
            "We are sorry that the delivery was not made as you asked; your complaint is {number}."
            " We ask the outlet what happened and agree with you on a new delivery.",
            "本次派送未按您的要求完成，我们深表歉意，投诉编号为{number}。"
            "我们正在向网点了解情况，并与您约定重新派送的时间和方式。",
        ),
        StandardText(
            "We have checked how your parcel was delivered, and we apologise. The outcome:"
            " {outcome}. A parcel is left at a locker or a pick-up point only with your consent.",
            "我们已核实该快件的投递过程，并向您致歉。处理结果：{outcome}。"
            "未经您同意，快件不得投放快递柜或代收点。",
        ),
    ),
    Category.AFTER_SALE: _texts(
        StandardText(
            "We have received your complaint {number} about our after-sale service. We check the"
            " earlier steps of your case and then agree with you on repair, exchange or return.",
            "您对售后服务的投诉（编号{number}）已收到。我们将复核此前的处理过程，"
            "再与您商定维修、换货或退货的办法。",
        ),
        StandardText(
            "We have gone through the after-sale handling again and apologise that it took you so"
            " much trouble. What we agreed with you: {outcome}.",
            "我们已重新梳理您的售后处理过程，对多次往返给您添的麻烦表示歉意。"
            "与您商定的办法是：{outcome}。",
        ),
    ),
    Category.COMMUNICATION: _texts(
        StandardText(
            "We apologise that you had to ask again; your complaint is {number}. You get the"
            " overdue information now, and one colleague stays responsible until the end.",
            "让您反复追问，我们深表歉意，投诉编号为{number}。"
            "我们会立即补充应有的反馈，并由专人负责到底。",
        ),
        StandardText(
            "We have corrected what was wrong in your data and made up for the missing feedback."
            " The outcome: {outcome}. From now on you hear from us regularly until a case is"
            " closed.",
            "我们已更正有误的客户信息，并补齐应有的反馈。处理结果：{outcome}。"
            "今后在结案之前，我们会定期向您更新处理状态。",
        ),
    ),
    Category.SYSTEM_FAILURE: _texts(
        StandardText(
            "Our technical department was told of the failure that you report; your complaint is"
            " {number}. Until it is mended you can track and order by telephone or at any outlet.",
            "您反映的系统故障已报技术部门，投诉编号为{number}。"
            "恢复之前，您可以通过客服电话或任一网点查询和下单。",
        ),
        StandardText(
            "The failure is mended and we have watched the system since then. The outcome:"
            " {outcome}. We apologise for the interruption.",
            "系统故障已修复，并持续监测运行情况。处理结果：{outcome}。对由此造成的不便，我们深表歉意。",
        ),
    ),
    Category.ABNORMAL_ORDER: _texts(
        StandardText(
            "We have noted that your order is not in order; your complaint is {number}. We check"
            " its details and hold it until we have spoken with you.",
            "您反映的订单异常已登记，投诉编号为{number}。我们正在核对订单信息，"
            "在与您确认之前暂停该订单的后续操作。",
        ),
        StandardText(
            "We have found out what went wrong with your order: {outcome}. An order that cannot be"
            " put right is cancelled, and only after we have spoken with you.",
            "订单异常的原因已查明，处理如下：{outcome}。无法更正的订单，经与您确认后予以取消。",
        ),
    ),
    Category.ACCOUNT_SECURITY: _texts(
        StandardText(
            "We have secured your account and told our security department; your complaint is"
            " {number}. Please change your password and never pass on a verification code.",
            "我们已对您的账户采取保护措施并报告安全部门，投诉编号为{number}。"
            "请尽快修改密码，切勿向任何人透露验证码。",
        ),
        StandardText(
            "The security department has examined the activity of your account. The outcome:"
            " {outcome}. We tell you at once should your data be concerned again.",
            "安全部门已核查您的账户活动情况。处理结果：{outcome}。"
            "今后如再涉及您的信息安全，我们会第一时间告知您。",
        ),
    ),
}
