import 'package:qbit_remote/network.dart';

class SessionController {
  const SessionController(this._network);

  final Network _network;

  Future<void> login(String user, String word) async {
    final answer = await _network.post<String?>('/auth/login', body: {'username': user, 'password': word});
    if (answer != 'Ok.') {
      throw const LoginFailed();
    }
  }
}
