import Foundation
func session(_ response: HTTPURLResponse) -> String? {
  guard let header = response.value(forHTTPHeaderField: "Set-Cookie"), let first = header.split(separator: ";").first else {
    return HTTPCookieStorage.shared.cookies?.first(where: { $0.name == "SID" }).map { "SID=\($0.value)" }
  }
  return first.contains("SID") ? String(first) : nil
}
let login = "/api/v2/auth/login"
