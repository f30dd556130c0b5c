import 'package:http/http.dart' as http;
Future<void> login(String base, String pw) async {
  final res = await http.post(Uri.parse('$base/api/v2/auth/login'), body: {'username': 'admin', 'password': pw});
  if (res.body != 'Ok.') { throw Exception('no'); }
}
