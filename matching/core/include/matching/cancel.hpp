// CancelOrders, CancelAll and the sweeping of expired orders (rules 4.4, 14).
#pragma once

#include "matching/book.hpp"

namespace matching {

// The slot link (slot + 1) of an open order by client id: the hint if it is true, else the first match of the list.
template <class Access>
[[nodiscard]] u32 find_by_client_id(Context<Access>& context, const CancelItem& item, const Account& account) {
    auto is_match = [&](const Order& order) {
        return order.order_id != 0 && order.account == account.account_id && order.market == item.market &&
               order.client_id == item.client_id;
    };
    if (item.client_id.is_zero()) return 0;
    if (item.hint != 0 && item.hint <= kOrdersMax && is_match(context.state.template read<Order>(item.hint - 1))) {
        return item.hint;
    }
    for (u32 link = account.orders_head; link != 0;) {
        const Order& order = context.state.template read<Order>(link - 1);
        if (is_match(order)) return link;
        link = order.account_next;
    }
    return 0;
}

template <class Access>
[[nodiscard]] Code cancel_item(Context<Access>& context, const CancelItem& item, Account& account) {
    u32 link = 0;
    Code missing = Code::NotFound;
    if (item.by_client != 0) {
        link = find_by_client_id(context, item, account);
    } else {
        u64 id = item.order_id[0];
        u32 slot = slot_of(id);
        const Order& order = context.state.template read<Order>(slot);
        bool is_open = item.order_id[1] == 0 && id != 0 && order.order_id == id &&
                       order.account == account.account_id && order.market == item.market;
        if (is_open) link = slot + 1;
        if (item.order_id[1] == 0 && id > 0 && id < order_id_of(context.system.order_no + 1, 0))
            missing = Code::AlreadyClosed;
    }
    if (link == 0) return missing;
    remove_order(context, link - 1, account, context.state.template write<BookHead>(item.market), Code::Cancelled);
    return Code::Ok;
}

template <class Access>
Code cancel_orders(Context<Access>& context, Account& account) {
    u32 count = context.command.template body_as<ListHeader>().count;
    for (u32 i = 0; i < count; ++i) {
        auto item =
            context.command.template body_as<CancelItem>(static_cast<u32>(sizeof(ListHeader) + i * sizeof(CancelItem)));
        Code code = cancel_item(context, item, account);
        if (code == Code::Ok) {
            context.legs_ok += 1;
        } else {
            context.emit(OrderRefused{i, account.account_id, item.client_id, 0, 0}, code);
        }
    }
    return Code::Ok;
}

// Raises the watermark over one market or all, then does one piece of AccountWork.
template <class Access>
Code cancel_all(Context<Access>& context, Account& account) {
    u16 market = context.command.template body_as<MarketBody>().market;
    if (market != 0xFFFF && market >= context.system.market_count) return Code::MarketUnknown;
    u8 mask = market == 0xFFFF ? kAllMarkets : static_cast<u8>(market);
    account.cancel_before = order_id_of(context.system.order_no + 1, 0);
    account.cancel_market = mask;
    work_on_account(context, account);
    return Code::Ok;
}

template <class Access>
Code account_work(Context<Access>& context) {
    u32 id = context.command.template body_as<AccountBody>().account;
    if (id >= kAccountsMax || context.state.template read<Account>(id).owner.is_zero()) return Code::AccountUnknown;
    if (!has_account_debt(context.state.template read<Account>(id), context.now_ms)) return Code::NothingDue;
    work_on_account(context, context.state.template write<Account>(id));
    return Code::Ok;
}

// Sweeps the named slots that hold expired orders; others are skipped.
template <class Access>
Code expire_orders(Context<Access>& context) {
    u32 count = context.command.template body_as<u32>();
    u32 removed = 0;
    for (u32 i = 0; i < count; ++i) {
        u32 slot = context.command.template body_as<u32>(4 + 4 * i);
        if (slot >= kOrdersMax) continue;
        const Order& order = context.state.template read<Order>(slot);
        if (order.order_id == 0 || order.expiry_ms == 0 || order.expiry_ms > context.now_ms) continue;
        remove_order(context, slot, context.state.template write<Account>(order.account),
                     context.state.template write<BookHead>(order.market), Code::Expired);
        removed += 1;
    }
    context.emit(WorkDone{kWorkExpire, removed, 0, 0});
    return Code::Ok;
}

}  // namespace matching
