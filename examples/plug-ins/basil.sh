#!/bin/sh
# Puts basil on every pizza: a stage in shell (docs/plug-ins.md). The value is the last of a line.
exec sed -u -E 's/^\{"id":([0-9]+),.*"value":(\{.*\})\}$/{"id":\1,"value":\2}/; s/("veggies":"[^"]*)"/\1 \& basil"/'
