"""Marks of what is promised but not yet told by any event here: claims, calls and chats.

A policy can name them today; the aggregates that set them join with modules of their own.
"""

from domain.service_levels.marks import mark

mark("claim_filed", "claim filed", "提出理赔")
mark("claim_settled", "claim settled", "理赔结案")
mark("claim_rejected", "claim rejected", "拒绝理赔")
mark("claim_withdrawn", "claim withdrawn", "撤回理赔")
mark("call_began", "call began", "来电")
mark("call_answered", "call answered", "接听")
mark("call_given_up", "caller gave up", "来电放弃")
mark("chat_began", "chat began", "在线会话开始")
mark("chat_answered", "chat answered", "在线会话响应")
mark("chat_given_up", "chat given up", "在线会话放弃")
