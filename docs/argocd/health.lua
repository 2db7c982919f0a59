-- How Argo CD judges a Trace or a ClusterTrace: see docs/cluster.md.
local function condition(name)
  if obj.status ~= nil and obj.status.conditions ~= nil then
    for _, each in ipairs(obj.status.conditions) do
      if each.type == name then
        return each
      end
    end
  end
  return nil
end

local health = {status = "Progressing", message = "waiting for Traceherd's operator"}
-- What is said of an earlier spec counts no more.
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end

local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return {status = "Degraded", message = stalled.message}
end
local ready = condition("Ready")
if ready == nil then
  return health
end
health.message = ready.message
if ready.status == "True" then
  health.status = "Healthy"
  if obj.status.phase == "Suspended" then
    health.status = "Suspended"
  end
end
return health
