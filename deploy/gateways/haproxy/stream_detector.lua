-- Asks the hook whether a call may pass, and keeps its answer in variables of the transaction:
-- sd_status, sd_retry, sd_policy, sd_limit, sd_mark, sd_body. Without an answer none is set: HAProxy then makes up a 5xx
-- of its own, which is no problem document.

local HOOK = "http://127.0.0.1:9109/check"
local TIMEOUT_MS = 100

local VARIABLES = {
    ["retry-after"] = "txn.sd_retry",
    ["ratelimit-policy"] = "txn.sd_policy",
    ["ratelimit"] = "txn.sd_limit",
    ["x-stream-detector-mark"] = "txn.sd_mark",
}

local function is_of_hook(answer)
    local kind = answer.headers and answer.headers["content-type"]
    return answer.status == 200 or (kind and kind[0] == "application/problem+json")
end

core.register_action("ask_stream_detector", { "http-req" }, function(txn)
    local client = txn.sf:req_fhdr("x-client-id")
    local headers = {
        ["x-request-id"] = { txn.sf:req_fhdr("x-request-id") },
        ["x-forwarded-for"] = { txn.sf:src() },
        ["user-agent"] = { txn.sf:req_fhdr("user-agent") or "" },
    }
    if client and client ~= "" then
        headers["x-client-id"] = { client }
    end
    local answer = core.httpclient():get { url = HOOK, headers = headers, timeout = TIMEOUT_MS }
    if not answer or not is_of_hook(answer) then
        return
    end
    for name, variable in pairs(VARIABLES) do
        local values = answer.headers[name]
        if values then
            txn:set_var(variable, values[0])
        end
    end
    txn:set_var("txn.sd_body", answer.body or "")
    txn:set_var("txn.sd_status", answer.status)
end, 0)
