// Golden files: what a writer prints must be what somebody approved.
#pragma once

#include <string>

/// Compares with tests/golden/report/NAME.approved.txt; on a difference leaves NAME.unapproved.txt
/// beside it (tools/approve) and fails the test.
void require_approved(const std::string& name, const std::string& actual);
