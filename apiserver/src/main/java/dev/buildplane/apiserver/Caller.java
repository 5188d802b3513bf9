package dev.buildplane.apiserver;

import java.util.List;

/// Who is asking.
///
/// @param user name, for example `system:serviceaccount:ci:builder`
/// @param uid empty for certificates
record Caller(String user, String uid, List<String> groups) {
  static final String MASTERS = "system:masters";
  static final String AUTHENTICATED = "system:authenticated";

  Caller {
    groups = List.copyOf(groups);
  }
}
